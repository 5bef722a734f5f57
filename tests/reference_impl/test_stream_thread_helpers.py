"""Helpers do at once whatever may take long: a new thread only where none is idle, and none that stays for ever."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.stream.thread_helpers import Helpers

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_S = 10.0
NAME = "helper-of-a-test"


def running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture
def helpers() -> Iterator[Helpers]:
    helpers = Helpers(NAME, LONGEST_S)
    yield helpers
    helpers._linger_s = 0
    while helpers._idle:
        helpers.run(list)
    for thread in running():
        thread.join(LONGEST_S)
    assert running() == []


def until_idle(helpers: Helpers, count: int) -> None:
    """A helper is idle only after its job, which cannot say so."""
    for _ in range(10_000):
        if len(helpers._idle) == count:
            return
        threading.Event().wait(0.001)
    raise AssertionError("no helper became idle")


def test_a_job_waits_for_no_other(helpers: Helpers) -> None:
    may_go_on, done = threading.Event(), threading.Event()
    helpers.run(lambda: may_go_on.wait(LONGEST_S))
    helpers.run(lambda: may_go_on.wait(LONGEST_S))
    helpers.run(done.set)
    assert done.wait(LONGEST_S)
    assert len(running()) == 3
    may_go_on.set()


def test_an_idle_thread_helps_again_and_keeps_nothing_of_its_job(helpers: Helpers) -> None:
    class Job:
        def __call__(self) -> None:
            who.append(threading.get_ident())

    who: list[int] = []
    for _ in range(5):
        job = Job()
        gone = weakref.ref(job)
        helpers.run(job)
        del job
        until_idle(helpers, 1)
        gc.collect()
        assert gone() is None
    assert (len(who), len(set(who)), len(running())) == (5, 1, 1)


def test_an_idle_thread_ends_by_itself() -> None:
    helpers = Helpers(NAME, 0)
    done = threading.Event()
    for _ in range(200):
        done.clear()
        helpers.run(done.set)
        assert done.wait(LONGEST_S)  # also where the thread was about to leave
    for thread in running():
        thread.join(LONGEST_S)
    assert (running(), len(helpers._idle)) == ([], 0)


def test_a_job_that_comes_as_a_thread_is_leaving_is_done_by_that_one(
    helpers: Helpers, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    leaves = Helpers._leaves

    def leave_too_late(helpers: Helpers, helper: Any) -> bool:
        monkeypatch.undo()
        helpers.run(done.set)
        return leaves(helpers, helper)

    monkeypatch.setattr(Helpers, "_leaves", leave_too_late)
    helpers._linger_s = 0
    helpers.run(list)
    assert done.wait(LONGEST_S)


def test_one_whose_job_raises_is_idle_no_more(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda seen: complaints.append(seen.exc_type))

    def raises() -> None:
        raise LookupError

    helpers.run(raises)
    for thread in running():
        thread.join(LONGEST_S)
    done = threading.Event()
    helpers.run(done.set)
    assert done.wait(LONGEST_S)
    assert complaints == [LookupError]


def test_a_thread_that_a_fork_left_behind_gets_no_job(helpers: Helpers) -> None:
    helpers.run(list)
    until_idle(helpers, 1)
    left = helpers._idle[0]
    ended = threading.Thread()
    ended.start()
    ended.join()
    thread, left.thread = left.thread, ended  # as it is in the child
    done = threading.Event()
    helpers.run(done.set)
    assert done.wait(LONGEST_S)
    assert len(running()) == 2
    assert thread is not None
    left.job = None
    left.wake.release()  # and the real one ends
    thread.join(LONGEST_S)


def test_where_no_thread_can_be_started_the_caller_does_it(helpers: Helpers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        helpers.run(lambda: done.append(threading.get_ident()))
    assert done == [threading.get_ident()]
