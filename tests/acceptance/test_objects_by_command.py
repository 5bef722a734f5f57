"""Stream objects as a person judges them: a command, its words, its exit code, its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from object_sources import GREEDY

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "streamspec.harness.cli"]


def streamspec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}}
    return subprocess.run(
        [*COMMAND, *words], cwd=home, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_queue_of_the_library_is_judged_by_what_it_offers(tmp_path: Path) -> None:
    done = streamspec(tmp_path, "run", "--object", "asyncio:Queue", "-o", "json=report.json")
    assert done.returncode == 0, done.stderr
    assert "PASS  BP-01" in done.stdout
    assert "SSE-" not in done.stdout  # rules about servers are no gap of an object
    document = json.loads((tmp_path / "report.json").read_text())
    assert {rule["id"]: rule["outcome"] for rule in document["rules"]}["BP-02"] == "PASS"


def test_an_object_of_ones_own_directory_fails_with_its_calls_as_evidence(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GREEDY)
    done = streamspec(tmp_path, "run", "--object", "mine:Stream", "--rule", "BP-01")
    assert done.returncode == 1
    assert "FAIL  BP-01" in done.stdout
    assert "calls send(" in done.stdout
    assert "streamspec run --object mine:Stream --rule BP-01" in done.stdout
    again = streamspec(tmp_path, "judge", ".streamspec/runs/last", "--rule", "BP-01")
    assert again.returncode == 1


def test_two_runs_of_an_awaited_object_leave_the_same_histories(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GREEDY)
    places = []
    for name in ("one", "two"):
        streamspec(tmp_path, "run", "--object", "mine:Stream", "--seed", "7", "--store", name)
        (place,) = (p for p in (tmp_path / name).iterdir() if p.is_dir() and not p.is_symlink())
        places.append({p.name: p.read_text().splitlines()[1:] for p in place.glob("*.ndjson")})
    assert places[0]
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--object", "nowhere"], "write package.module:factory"),
        (["--object", "no_such_module:make"], "cannot be imported"),
        (["--object", "asyncio:Event"], "no send and no receive"),
        (["--object", "asyncio:Queue", "http://127.0.0.1:1/"], "either a server is judged or an object"),
        (["--object", "asyncio:Queue", "--role", "finite=/x"], "--role"),
        (["--object", "asyncio:Queue", "--claim", "speed"], "nothing that can be claimed"),
        (["--claim", "rendezvous"], "no URL was given"),
    ],
)
def test_words_that_name_no_object_are_refused_in_one_line(tmp_path: Path, words: list[str], why: str) -> None:
    done = streamspec(tmp_path, "run", *words)
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".streamspec").exists()
