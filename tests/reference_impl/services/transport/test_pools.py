"""Named pools: bounded in threads and in what waits, and no pool in the way of another."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.services.transport import Pool, StreamErrorCode, StreamException, ThreadPool
from streamspec.reference_impl.services.transport.pools import POOLS

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S = 10.0
SEARCH, GENERIC = ThreadPool.Names.SEARCH, ThreadPool.Names.GENERIC


class Jobs:
    """Jobs that say that they run, and wait until they may leave."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self.may_leave = threading.Event()
        self.threads: list[str] = []

    def __call__(self) -> None:
        self.threads.append(threading.current_thread().name)
        self.running.release()
        assert self.may_leave.wait(LONGEST_S)


def refused(call: Callable[[], object]) -> StreamException:
    with pytest.raises(StreamException) as raised:
        call()
    return raised.value


def test_a_full_pool_refuses_one_job_more_and_another_pool_goes_on() -> None:
    pools = ThreadPool({SEARCH: Pool(2, 3), GENERIC: Pool(1, 1)})
    jobs = Jobs()
    for _ in range(5):
        pools.submit(SEARCH, jobs)
    failure = refused(lambda: pools.submit(SEARCH, jobs))
    assert failure.error_code is StreamErrorCode.RESOURCE_EXHAUSTED
    assert failure.message == "thread pool search is full: 2 threads are busy, 3 requests wait"
    done = threading.Event()
    pools.submit(GENERIC, done.set)
    assert done.wait(LONGEST_S)
    jobs.may_leave.set()
    assert pools.close(LONGEST_S)
    assert len(jobs.threads) == 5
    assert set(jobs.threads) == {"search-1", "search-2"}


def test_with_a_job_that_is_over_there_is_room_again() -> None:
    pools = ThreadPool({SEARCH: Pool(1, 1)})
    first, second = Jobs(), Jobs()
    pools.submit(SEARCH, first)
    pools.submit(SEARCH, second)
    assert refused(lambda: pools.submit(SEARCH, first)).error_code is StreamErrorCode.RESOURCE_EXHAUSTED
    first.may_leave.set()
    assert second.running.acquire(timeout=LONGEST_S)
    pools.submit(SEARCH, second.may_leave.set)
    second.may_leave.set()
    assert pools.close(LONGEST_S)


@pytest.mark.parametrize("trouble", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_job_that_raises_costs_no_thread_and_is_reported(
    trouble: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise trouble

    pools = ThreadPool({SEARCH: Pool(1, 2)})
    done = threading.Event()
    with caplog.at_level(logging.ERROR, "streamspec.reference"):
        pools.submit(SEARCH, fails)
        pools.submit(SEARCH, done.set)
        assert done.wait(LONGEST_S)
    assert [record.getMessage() for record in caplog.records] == ["a job failed"]
    assert pools.close(LONGEST_S)


def test_a_job_that_is_taken_back_has_no_place_and_never_runs() -> None:
    pools = ThreadPool({SEARCH: Pool(1, 2)})
    jobs, ran = Jobs(), []
    take_back = pools.submit(SEARCH, jobs)
    assert jobs.running.acquire(timeout=LONGEST_S)
    assert not take_back()
    for n in range(20):
        gone = pools.submit(SEARCH, lambda n=n: ran.append(("gone", n)))  # type: ignore[misc]
        stays = pools.submit(SEARCH, lambda n=n: ran.append(("stays", n)))  # type: ignore[misc]
        assert refused(lambda: pools.submit(SEARCH, jobs)).error_code is StreamErrorCode.RESOURCE_EXHAUSTED
        assert gone()
        assert not gone()
        if n < 19:
            assert stays()
    assert not pools.close(0)
    jobs.may_leave.set()
    assert pools.close(LONGEST_S)
    assert ran == [("stays", 19)]


def test_places_of_jobs_that_were_taken_back_mislead_no_thread() -> None:
    pools = ThreadPool({SEARCH: Pool(1, 2)})
    jobs = Jobs()
    pools.submit(SEARCH, jobs)
    assert jobs.running.acquire(timeout=LONGEST_S)
    for take_back in [pools.submit(SEARCH, jobs) for _ in range(2)]:
        assert take_back()
    jobs.may_leave.set()
    for _ in range(3):
        done = threading.Event()
        pools.submit(SEARCH, done.set)
        assert done.wait(LONGEST_S)
    assert pools.close(LONGEST_S)
    assert len(jobs.threads) == 1


def test_a_thread_that_cannot_be_had_is_refused_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pools = ThreadPool({SEARCH: Pool(2, 1)})
    ran: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fails)
        failure = refused(lambda: pools.submit(SEARCH, lambda: ran.append("refused")))
        assert failure.error_code is StreamErrorCode.RESOURCE_EXHAUSTED
        assert failure.message == "thread pool search can have no thread"
    jobs = Jobs()
    pools.submit(SEARCH, jobs)
    assert jobs.running.acquire(timeout=LONGEST_S)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fails)
        pools.submit(SEARCH, lambda: ran.append("by the thread that there is"))
    jobs.may_leave.set()
    assert pools.close(LONGEST_S)
    assert ran == ["by the thread that there is"]


def test_a_closed_pool_runs_what_waits_and_takes_no_more() -> None:
    pools = ThreadPool({SEARCH: Pool(1, 2)})
    jobs, done = Jobs(), threading.Event()
    pools.submit(SEARCH, jobs)
    pools.submit(SEARCH, done.set)
    assert not pools.close(0)
    assert refused(lambda: pools.submit(SEARCH, jobs)).error_code is StreamErrorCode.UNAVAILABLE
    jobs.may_leave.set()
    assert pools.close(LONGEST_S)
    assert done.is_set()


def test_a_job_that_is_over_is_kept_by_nobody() -> None:
    class Job:
        def __init__(self) -> None:
            self.done = threading.Event()

        def __call__(self) -> None:
            self.done.set()

    pools = ThreadPool({SEARCH: Pool(1, 1)})
    job, forgotten = Job(), threading.Event()
    weakref.finalize(job, forgotten.set)
    done = job.done
    pools.submit(SEARCH, job)
    del job
    assert done.wait(LONGEST_S)
    assert forgotten.wait(LONGEST_S)
    assert pools.close(LONGEST_S)


@pytest.mark.parametrize(("threads", "queue"), [(0, 1), (1, 0), (-1, 1)])
def test_a_pool_has_a_thread_and_room(threads: int, queue: int) -> None:
    with pytest.raises(ValueError, match="1 thread or more"):
        Pool(threads, queue)


def test_same_is_no_pool_and_the_others_are_there_by_default() -> None:
    assert set(POOLS) == set(ThreadPool.Names) - {ThreadPool.Names.SAME}
    assert all(name in ThreadPool() for name in POOLS)
    with pytest.raises(ValueError, match="SAME"):
        ThreadPool({"same": Pool(1, 1)})
