"""The plugin and the baseline on whole servers: the reference, its broken variants, one that nobody of us wrote; with
two workers, and with Ctrl-C. Needs `node` on the path.

    pytest tests/lanes/test_pytest_plugin_servers.py
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psutil
import pytest

LONGEST_S: Final = 300
ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = f"{shlex.quote(sys.executable)} -m streamspec.reference_impl --port {{port}}"
FAMILIES: Final = '["SSE", "OI", "LC-16", "CJ"]'


def toml(home: Path, path: str, run: str = "") -> None:
    (home / "streamspec.toml").write_text(
        f"""[target]
url = "http://127.0.0.1:{{port}}/{path}"
spawn = '''{REFERENCE}'''
profile = "streamspec"
[target.roles]
finite = {{ path = "finite?n=5", items = 5, seq = "$.n" }}
[run]
rules = {FAMILIES}
{run}
"""
    )


def known(home: Path, rule: str) -> str:
    (home / "baseline.toml").write_text(f'[[known]]\nrule = "{rule}"\nreason = "an old encoder"\n')
    return 'baseline = "baseline.toml"'


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", *words]
    return subprocess.run(whole, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def run(home: Path, *words: str) -> tuple[int, dict[str, list[str]], list[str]]:
    """The exit code, the rules of each outcome (known ones apart), and what else failed the run."""
    done = command(home, "streamspec.harness.cli", "run", "--no-store", "-o", "json=r.json", *words)
    assert (home / "r.json").exists(), done.stderr
    report = json.loads((home / "r.json").read_text())
    found: dict[str, list[str]] = {}
    for rule in report["rules"]:
        found.setdefault("KNOWN" if rule["known"] else rule["outcome"], []).append(rule["id"])
    return done.returncode, found, report["crossed"]


def pytests(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return command(home, "pytest", "-p", "no:cacheprovider", "-q", *words)


def left_of(home: Path) -> list[str]:
    """What still runs in a test's directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(home):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


# -- a regression against a baseline -----------------------------------------------------------------------------------


def test_a_known_failure_is_tolerated(tmp_path: Path) -> None:
    toml(tmp_path, "broken/bad-utf8/", known(tmp_path, "SSE-03"))
    code, found, crossed = run(tmp_path)
    assert (code, found.get("FAIL"), found["KNOWN"], crossed) == (0, None, ["SSE-03"], [])
    done = pytests(tmp_path, "streamspec.toml")
    assert done.returncode == 0, done.stdout
    assert " xfailed" in done.stdout


def test_a_new_failure_is_a_regression(tmp_path: Path) -> None:
    toml(tmp_path, "broken/duplicates/", known(tmp_path, "SSE-03"))
    code, found, crossed = run(tmp_path)
    assert (code, found["FAIL"]) == (1, ["OI-03"])
    assert len(crossed) == 1  # and the other one is stale
    done = pytests(tmp_path, "streamspec.toml")
    assert done.returncode == 1
    assert "FAIL  OI-03  MUST" in done.stdout


def test_a_stale_entry_fails_the_good_reference(tmp_path: Path) -> None:
    toml(tmp_path, "", known(tmp_path, "SSE-03"))
    code, found, crossed = run(tmp_path)
    assert (code, found.get("FAIL")) == (1, None)
    assert crossed == ["stale baseline entry: baseline.toml:1 SSE-03 passes now: remove it"]
    done = pytests(tmp_path, "streamspec.toml")
    assert done.returncode == 1
    assert "FAILED streamspec.toml::baseline" in done.stdout
    assert done.stdout.count("FAILED streamspec.toml") == 1


def test_a_baseline_that_was_written_is_refused_until_its_reasons_are(tmp_path: Path) -> None:
    toml(tmp_path, "broken/bad-utf8/")
    assert run(tmp_path, "--write-baseline", "b.toml")[0] == 1
    done = command(tmp_path, "streamspec.harness.cli", "run", "--baseline", "b.toml")
    assert (done.returncode, 'reason = "TODO" is none' in done.stderr) == (2, True)
    (tmp_path / "b.toml").write_text((tmp_path / "b.toml").read_text().replace("TODO", "an old encoder"))
    assert run(tmp_path, "--baseline", "b.toml")[0] == 0


# -- whole servers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dist", ["load", "loadgroup", "loadscope"])
def test_two_workers_judge_the_reference_as_one_does(tmp_path: Path, dist: str) -> None:
    toml(tmp_path, "")
    alone, both = (pytests(tmp_path, "streamspec.toml", *words) for words in ((), ("-n", "2", "--dist", dist)))
    assert (alone.returncode, both.returncode) == (0, 0), both.stdout
    said = [done.stdout.splitlines()[-1].rpartition(" in ")[0] for done in (alone, both)]
    assert said[0] == said[1]
    assert left_of(tmp_path) == []


def test_the_embedded_reference_is_judged_over_each_binding(tmp_path: Path) -> None:
    (tmp_path / "streamspec.toml").write_text('[run]\nrules = ["LC-16", "OI-01", "AU"]\n')
    done = pytests(tmp_path, "streamspec.toml", "-vv", "-n", "2", "--dist", "loadgroup")
    assert done.returncode == 0, done.stdout
    assert {"sse", "ndjson", "json_array", "sse+guarded"} <= {
        word.partition("@")[2].partition("::")[0]
        for line in done.stdout.splitlines()
        if "PASSED" in line
        for word in line.split()
    }


def test_a_server_of_others_has_the_failures_that_are_known_of_it(tmp_path: Path) -> None:
    assert shutil.which("node"), "this lane judges a server of Node's: put `node` on the path"
    server = tmp_path / "server"
    shutil.copytree(ROOT / "examples" / "servers" / "node-http", server)
    text = (server / "streamspec.naive.toml").read_text()
    rules = '["LC-07", "SSE-05", "SSE-06", "SSE-03", "OI-01", "OI-02"]'
    (server / "streamspec.naive.toml").write_text(f'{text}\n[run]\nrules = {rules}\nbaseline = "b.toml"\n')
    entries = [f'[[known]]\nrule = "{rule}"\nreason = "see findings.toml"\n' for rule in ("LC-07", "SSE-05", "SSE-06")]
    (server / "b.toml").write_text("".join(entries))
    done = pytests(server, "streamspec.naive.toml", "-rA")
    assert done.returncode == 0, done.stdout
    assert "XFAIL streamspec.naive.toml::conformance/failing::LC-07 - known: see findings.toml" in done.stdout
    (server / "b.toml").write_text("".join(entries[1:]))
    done = pytests(server, "streamspec.naive.toml")
    assert done.returncode == 1
    assert "FAIL  LC-07  MUST  conformance/failing@sse" in done.stdout
    assert left_of(tmp_path) == []


def test_the_example_is_green_by_both_commands(tmp_path: Path) -> None:
    home = tmp_path / "ci"
    shutil.copytree(ROOT / "examples" / "ci", home)
    file = home / "streamspec.toml"
    file.write_text(file.read_text().replace("python server.py", f"{shlex.quote(sys.executable)} server.py"))
    code, found, crossed = run(home)
    assert (code, found["KNOWN"], crossed) == (0, ["SSE-02"], [])
    done = pytests(home, "streamspec.toml", ".")
    assert done.returncode == 0, done.stdout
    assert " 9 xfailed" in done.stdout
    assert left_of(tmp_path) == []


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_ctrl_c_leaves_no_process(tmp_path: Path, workers: tuple[str, ...]) -> None:
    toml(tmp_path, "", 'effort = "soak"')
    whole = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "streamspec.toml", *workers]
    child = subprocess.Popen(whole, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        until = time.monotonic() + LONGEST_S
        while not any("reference_impl" in line for line in left_of(tmp_path)):
            assert child.poll() is None, child.communicate()
            assert time.monotonic() < until
            time.sleep(0.1)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        said, _ = child.communicate(timeout=LONGEST_S)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in said
    until = time.monotonic() + LONGEST_S
    while left := left_of(tmp_path):
        assert time.monotonic() < until, left
        time.sleep(0.1)
