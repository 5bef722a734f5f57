"""`streamspec fuzz` as a person uses it: words, exit codes, a case file that is kept and played again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from object_sources import GREEDY

if TYPE_CHECKING:
    from pathlib import Path

COMMAND: Final = [sys.executable, "-m", "streamspec.harness.cli"]


def streamspec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=home, capture_output=True, text=True, timeout=120, check=False)


def test_a_failure_is_found_told_kept_and_played_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GREEDY)
    done = streamspec(tmp_path, "fuzz", "--object", "mine:Stream", "--time", "3", "--rule", "BP-01", "--save", "cases")
    assert done.returncode == 1, done.stderr
    assert "FAIL  BP-01" in done.stdout
    (path,) = (tmp_path / "cases").iterdir()
    case = f"cases/{path.name}"
    assert f"streamspec replay {case}" in done.stdout
    assert "scripts played" in done.stdout
    again = streamspec(tmp_path, "replay", case, "--no-store")
    assert (again.returncode, "FAIL  BP-01" in again.stdout) == (1, True)
    (tmp_path / "mine.py").write_text("from asyncio import Queue as Stream\n")  # mended
    mended = streamspec(tmp_path, "replay", case, "--no-store")
    assert (mended.returncode, "PASS  BP-01" in mended.stdout) == (0, True), mended.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name != "__pycache__") == [
        ".streamspec",
        "cases",
        "mine.py",
    ]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--time", "0"), 2, "--time"),
        (("--property", "nothing"), 2, "--property nothing: no such property (there are "),
        (("--object", "no.such:thing"), 2, "--object no.such:thing: no.such cannot be imported"),
        (("--save", "file/cases"), 2, "--save file/cases: "),
        (("http://127.0.0.1:9/",), 3, "no verdict: "),
    ],
)
def test_what_cannot_be_searched_says_so(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "file").write_text("")
    done = streamspec(tmp_path, "fuzz", *words)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_without_hypothesis_one_line_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['hypothesis'] = None\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [*COMMAND, "fuzz", "--object", "asyncio:Queue"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "streamspec: fuzz needs hypothesis: pip install 'streamspec[fuzz]'\n")


def test_its_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom streamspec.harness.cli import main\n"
        "main(['fuzz', '--help'], standalone_mode=False)\nprint('hypothesis' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert "--time SECONDS" in done.stdout


def test_a_signal_ends_the_search_with_what_it_has(tmp_path: Path) -> None:
    words = [*COMMAND, "fuzz", "--object", "asyncio:Queue", "--time", "300"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr
        for line in child.stderr:
            if "searching" in line and "searching: 0" not in line:
                break
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "(partial: stopped by SIGINT)" in out
    assert "scripts played" in out
