"""How long the pytest plugin takes to be loaded, in every test run of everybody who has installed us: at most 50 ms
beyond pytest. Figures, never gates.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


def imported(words: str) -> int:
    return subprocess.run([sys.executable, "-c", words], capture_output=True, check=False).returncode


def test_pytest_alone(benchmark: BenchmarkFixture) -> None:
    """The floor."""
    assert benchmark.pedantic(imported, ("import pytest",), rounds=15, warmup_rounds=1) == 0


def test_pytest_and_the_plugin(benchmark: BenchmarkFixture) -> None:
    words = "import pytest, streamspec.harness.pytest_plugin"
    assert benchmark.pedantic(imported, (words,), rounds=15, warmup_rounds=1) == 0
