"""The engine's process: every way in which it is to end, and each kind of object. Heavy: a process a test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from load_engine import LONGEST_S, WHOLE, answers, counts, engine, heard, job, tell

from streamspec.harness.load.figures import problem_of, total_of
from streamspec.harness.load.frames import frame
from streamspec.harness.load_job import job_to_json

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with engine() as process:
        yield process


@pytest.mark.parametrize(
    "octets", [frame("stop"), b"\xff\xff\xff\xff", b""], ids=["told to", "cannot read what it is told", "stdin ends"]
)
def test_it_stops_with_a_final_word(child: subprocess.Popen[bytes], octets: bytes) -> None:
    with answers(WHOLE) as url:
        tell(child, frame("open", job=job_to_json(job(url, seconds=600.0))))
        if octets:
            tell(child, octets)
        else:
            assert child.stdin
            child.stdin.close()
        controller = heard(child)
    assert problem_of(controller) == ""
    found = counts(controller)
    assert found.get("due", 0) < 24_000
    assert found.get("started", 0) == found.get("good", 0) + found.get("stopped", 0)


@pytest.mark.parametrize("octets", [frame("stop"), frame("open", job={}), frame("open", job={"load": "finite"})])
def test_a_job_that_does_not_fit_is_told(child: subprocess.Popen[bytes], octets: bytes) -> None:
    tell(child, octets)
    controller = heard(child)
    assert "Error" in problem_of(controller)


def test_without_a_job_it_ends_with_its_stdin(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin
    child.stdin.close()
    assert heard(child).workers == {}


def test_it_ends_when_nobody_is_there_to_be_told(child: subprocess.Popen[bytes]) -> None:
    with answers(WHOLE) as url:
        tell(child, frame("open", job=job_to_json(job(url, seconds=600.0))))
        assert child.stdout
        assert child.stdout.read(1)
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            assert child.stdin
            child.stdin.close()
        assert child.wait(LONGEST_S) in {0, 1}


OBJECTS = ["streamspec.reference_impl.objects:AIO", "streamspec.reference_impl.objects:THREADS", "asyncio:Queue"]


@pytest.mark.parametrize("name", OBJECTS)
def test_streams_of_a_process_are_played_in_real_time(child: subprocess.Popen[bytes], name: str) -> None:
    made = job_to_json(job("http://unused/"))
    load = "object-endless" if name == "asyncio:Queue" else "object"
    tell(child, frame("open", job=made | {"object": name, "load": load, "binding": "inprocess"}))
    controller = heard(child)
    assert problem_of(controller) == ""
    total = total_of(controller)
    assert (total.counts["good"], total.counts["items"], total.rules["OI-01"]["held"]) == (8, 400, 8)
    assert total.histograms["ttfe"].count == 8
