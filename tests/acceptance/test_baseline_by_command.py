"""A baseline on the command line: what is known is green, what is stale is red, for `run` and for `judge`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from raw_server import SSE_HEAD, answering, serving

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_S: Final = 60
CACHED: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: 1\n\n"
FRESH: Final = SSE_HEAD + b"Content-Length: 9\r\n\r\ndata: 1\n\n"


def streamspec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamspec.harness.cli", *words]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "b.toml").write_text('[[known]]\nrule = "SSE-02"\nreason = "the edge says it"\n')
    return tmp_path


def test_known_stale_and_judged_again(home: Path) -> None:
    rules = ("--rule", "SSE-02", "--strict", "--baseline", "b.toml")
    with serving(answering(CACHED)) as url:
        known = streamspec(home, "run", url, *rules)
    assert (known.returncode, "KNOWN  SSE-02" in known.stdout) == (0, True), known.stdout
    again = streamspec(home, "judge", ".streamspec/runs/last", "--rule", "SSE-02", "--strict")
    assert again.returncode == 1
    assert streamspec(home, "judge", ".streamspec/runs/last", *rules).returncode == 0
    with serving(answering(FRESH)) as url:
        stale = streamspec(home, "run", url, *rules)
    assert stale.returncode == 1
    assert "fails: stale baseline entry: b.toml:1 SSE-02 passes now: remove it" in stale.stdout


def test_a_baseline_that_is_wrong_is_refused_before_any_traffic(home: Path) -> None:
    (home / "b.toml").write_text('[[known]]\nrule = "SSE-02"\n')
    done = streamspec(home, "run", "http://127.0.0.1:1/", "--baseline", "b.toml")
    assert done.returncode == 2
    assert done.stderr.startswith('streamspec: b.toml:1: SSE-02: reason = "…" is missing')
