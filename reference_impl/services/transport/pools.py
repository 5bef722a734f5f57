"""`ThreadPool`: named pools of threads, each bounded in its threads and in what may wait for one of them.

The queue of a pool is a stream, and its threads are that stream's consumers. Never here: a request, or what a job does.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.transport.exceptions import StreamException
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_TAKING_BACK_S: Final = 1.0

_log = logging.getLogger("streamspec.reference")


class Names(enum.StrEnum):
    """The pools that there are if nobody says otherwise. SAME is whoever asks: no pool, and no place for a stream."""

    SAME = "same"
    GENERIC = "generic"
    SEARCH = "search"
    STREAM_SEARCH = "stream_search"


@dataclass(frozen=True, slots=True)
class Pool:
    """At most so many threads, and so many jobs that wait for one; with one more a job is refused."""

    threads: int
    queue: int

    def __post_init__(self) -> None:
        if self.threads < 1 or self.queue < 1:
            raise ValueError("a pool has 1 thread or more, and room for 1 job or more")


POOLS: Final[Mapping[str, Pool]] = MappingProxyType(
    {Names.GENERIC: Pool(64, 256), Names.SEARCH: Pool(16, 1_000), Names.STREAM_SEARCH: Pool(32, 1_000)}
)


class ThreadPool:
    """The pools of one node. A job that raises costs its pool no thread."""

    Names: Final = Names

    def __init__(self, pools: Mapping[str, Pool] = POOLS) -> None:
        if Names.SAME in pools:
            raise ValueError("SAME is whoever asks, and no pool")
        self._pools = {str(name): _Workers(str(name), pool) for name, pool in pools.items()}

    def __contains__(self, name: str) -> bool:
        return str(name) in self._pools

    def submit(self, name: str, job: Callable[[], None]) -> Callable[[], bool]:
        """Run the job in that pool; what is returned takes it back while it waits, and says whether it has.

        Raises RESOURCE_EXHAUSTED where the pool is full or no thread can be had, UNAVAILABLE where it is closed.
        """
        return self._pools[str(name)].submit(job)

    def close(self, grace_s: float) -> bool:
        """Take no more jobs, let those that wait run, and wait so long for all threads. Whether they are gone."""
        for workers in self._pools.values():
            workers.stop()
        ends_at_s = time.monotonic() + grace_s
        return not [workers for workers in self._pools.values() if not workers.join(ends_at_s)]


class _Workers:
    """One pool. With each job comes a thread, up to as many as there may be; it stays until the pool is closed.

    What its threads receive are places, each good for the job that waits longest. The place of a job that was taken
    back is free: the next job has it, or a thread that receives it finds nobody there.
    """

    def __init__(self, name: str, pool: Pool) -> None:
        self._name = name
        self._pool = pool
        self._most = pool.threads + pool.queue
        self._places: Stream[None] = Stream(self._most)
        self._lock = threading.RLock()  # a forgotten answer may take its job back in the middle of anything
        self._numbers = itertools.count()
        self._waiting: OrderedDict[int, Callable[[], None]] = OrderedDict()
        self._free = 0
        self._busy = 0
        self._threads: tuple[threading.Thread, ...] = ()

    def submit(self, job: Callable[[], None]) -> Callable[[], bool]:
        with self._lock:
            if self._places.state is not Phase.OPEN:
                raise StreamException.unavailable(f"thread pool {self._name} is closed")
            if len(self._waiting) + self._busy >= self._most:
                threads, queue = self._pool.threads, self._pool.queue
                full = f"thread pool {self._name} is full: {threads} threads are busy, {queue} requests wait"
                raise StreamException.resource_exhausted(full)
            if len(self._threads) < self._pool.threads:
                self._begin_thread()
            number = next(self._numbers)
            self._waiting[number] = job
            if self._free:
                self._free -= 1
            else:
                self._places.send(None)
        return partial(self._take_back, number)

    def _begin_thread(self) -> None:
        name = f"{self._name}-{len(self._threads) + 1}"
        # An endless handler that sends nothing cannot be called away, and must not keep the process alive.
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as failure:
            _log.warning("thread pool %s can have no thread more than %d", self._name, len(self._threads))
            if not self._threads:
                raise StreamException.resource_exhausted(f"thread pool {self._name} can have no thread") from failure
        else:
            self._threads += (thread,)

    def _take_back(self, number: int) -> bool:
        # Whoever asks may hold locks of which we know nothing. A job that stays costs its place, and no more.
        if not self._lock.acquire(timeout=LONGEST_TAKING_BACK_S):
            return False
        try:
            if self._waiting.pop(number, None) is None:
                return False
            self._free += 1
            return True
        finally:
            self._lock.release()

    def stop(self) -> None:
        with self._lock, contextlib.suppress(StreamError):
            self._places.complete()

    def join(self, ends_at_s: float) -> bool:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, ends_at_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while self._places.receive() is not END:
            with self._lock:
                try:
                    _, job = self._waiting.popitem(last=False)
                except KeyError:
                    self._free -= 1
                    continue
                self._busy += 1
            try:
                job()
            except BaseException:  # noqa: BLE001 -- an exit of a handler's is no exit of its pool's thread
                _log.exception("a job failed")
            del job
            with self._lock:
                self._busy -= 1
