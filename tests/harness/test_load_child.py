"""The engine's process by itself, commanded over its pipes as Locust's does: it ends when it is
to, and says what does not fit. Its other ends are in the lane of the load's engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from load_engine import WHOLE, answers, counts, engine, heard, job, tell

from streamspec.harness.load.figures import problem_of
from streamspec.harness.load.frames import frame
from streamspec.harness.load_job import job_to_json

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with engine() as process:
        yield process


def test_it_stops_when_it_is_told_to_with_a_final_word(child: subprocess.Popen[bytes]) -> None:
    with answers(WHOLE) as url:
        tell(child, frame("open", job=job_to_json(job(url, seconds=600.0))))
        tell(child, frame("stop"))
        controller = heard(child)
    assert problem_of(controller) == ""
    found = counts(controller)
    assert found.get("due", 0) < 24_000
    assert found.get("started", 0) == found.get("good", 0) + found.get("stopped", 0)


def test_a_job_that_does_not_fit_is_told(child: subprocess.Popen[bytes]) -> None:
    tell(child, frame("open", job={"load": "finite"}))
    assert "no job" in problem_of(heard(child))
