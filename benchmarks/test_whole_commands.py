"""How long whole commands take, as processes. Figures, never gates: `tox -e bench` prints them.

Goals (issue 1): the reference judged in under 3 s, a target that never answers under 15 s, `--help` under 0.3 s.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

COMMAND = [sys.executable, "-m", "streamspec.harness.cli"]


def run(where: Path, *words: str) -> int:
    return subprocess.run([*COMMAND, *words], cwd=where, capture_output=True, check=False).returncode


def test_the_help(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    assert benchmark.pedantic(run, (tmp_path, "--help"), rounds=15, warmup_rounds=1) == 0


def test_python_alone(benchmark: BenchmarkFixture) -> None:
    """The floor under `--help`: an interpreter that does nothing."""
    done = benchmark.pedantic(subprocess.run, ([sys.executable, "-c", ""],), rounds=15, warmup_rounds=1)
    assert done.returncode == 0


def test_the_reference_judged(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    assert benchmark.pedantic(run, (tmp_path, "run"), rounds=5, warmup_rounds=1) == 0


def test_a_target_that_never_answers(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert benchmark.pedantic(run, (tmp_path, "run", url), rounds=1) == 3
