"""`ThreadPool`: named pools of threads, each bounded in its threads and in what may wait for one of them.

The queue of a pool is a stream, and its threads are that stream's consumers. Never here: a request, or what a job does.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.transport.exceptions import StreamException
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    def submit(self, name: str, job: Callable[[], None]) -> None:
        """Run the job in that pool. Raises RESOURCE_EXHAUSTED where it is full, UNAVAILABLE where it is closed."""
        self._pools[str(name)].submit(job)

    def close(self, grace_s: float) -> bool:
        """Take no more jobs, let those that wait run, and wait so long for all threads. Whether they are gone."""
        for workers in self._pools.values():
            workers.stop()
        ends_at_s = time.monotonic() + grace_s
        return not [workers for workers in self._pools.values() if not workers.join(ends_at_s)]


class _Workers:
    """One pool. With each job comes a thread, up to as many as there may be; it stays until the pool is closed."""

    def __init__(self, name: str, pool: Pool) -> None:
        self._name = name
        self._pool = pool
        self._most = pool.threads + pool.queue
        self._jobs: Stream[Callable[[], None]] = Stream(self._most)
        self._lock = threading.Lock()
        self._unfinished = 0
        self._threads: tuple[threading.Thread, ...] = ()

    def submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._unfinished >= self._most:
                threads, queue = self._pool.threads, self._pool.queue
                full = f"thread pool {self._name} is full: {threads} threads are busy, {queue} requests wait"
                raise StreamException.resource_exhausted(full)
            try:
                self._jobs.send(job)
            except StreamError:
                raise StreamException.unavailable(f"thread pool {self._name} is closed") from None
            self._unfinished += 1
            if len(self._threads) < self._pool.threads:
                name = f"{self._name}-{len(self._threads) + 1}"
                # An endless handler that sends nothing cannot be called away, and must not keep the process alive.
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads += (thread,)
                thread.start()

    def stop(self) -> None:
        with contextlib.suppress(StreamError):
            self._jobs.complete()

    def join(self, ends_at_s: float) -> bool:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, ends_at_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        # Not an iteration: that would keep the last job while it waits for the next one.
        while (job := self._jobs.receive()) is not END:
            try:
                job()
            except BaseException:  # noqa: BLE001 -- an exit of a handler's is no exit of its pool's thread
                _log.exception("a job failed")
            del job
            with self._lock:
                self._unfinished -= 1
