"""`Desk`: the store as tasks use it. Every call runs in a thread, and whoever follows the events is woken by a write.

Never here: SQL, HTTP, what an event says.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.services.orders.store import Store

T = TypeVar("T")

READERS: Final = 4  # threads that read; one more writes
MOST_WRITES: Final = 100  # that wait for their turn or are at work
_log = logging.getLogger("streamspec.reference")


class Desk:
    """Of one store, for one event loop at a time. Closing it closes the store."""

    def __init__(self, store: Store, most_writes: int = MOST_WRITES) -> None:
        self.store = store
        self._readers = ThreadPoolExecutor(READERS, "orders-reader")
        self._writer = ThreadPoolExecutor(1, "orders-writer")
        self._most_writes = most_writes
        self._writes = 0
        self._followers: set[asyncio.Event] = set()

    def close(self) -> None:
        """Wait for what is at work. Blocks."""
        self._readers.shutdown()
        self._writer.shutdown()
        self.store.close()

    async def read(self, call: Callable[[], T]) -> T:
        """What the call answers. Raises INTERNAL when the database fails: why is nothing for strangers."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, partial(_guarded, call))

    async def write(self, call: Callable[[], T]) -> T:
        """As `read`, in turn with all other writes. Raises RESOURCE_EXHAUSTED, and has done nothing, where too many
        wait. Being cancelled takes nothing back."""
        if self._writes >= self._most_writes:
            raise StreamError(Code.RESOURCE_EXHAUSTED, "too many orders wait to be written")
        loop = asyncio.get_running_loop()

        def written() -> T:
            try:
                return _guarded(call)
            finally:
                # From there, so that nobody's leaving keeps it from the followers.
                with contextlib.suppress(RuntimeError):  # the loop has gone, and with it whoever followed
                    loop.call_soon_threadsafe(self._ring)

        self._writes += 1
        done = loop.run_in_executor(self._writer, written)
        done.add_done_callback(self._written)
        return await asyncio.shield(done)

    @contextlib.contextmanager
    def following(self, turn: asyncio.Event) -> Iterator[None]:
        """`turn` is set by every write that may have brought events."""
        self._followers.add(turn)
        try:
            yield
        finally:
            self._followers.discard(turn)

    def _ring(self) -> None:
        for turn in self._followers:
            turn.set()

    def _written(self, done: asyncio.Future[T]) -> None:
        self._writes -= 1
        if not done.cancelled():
            done.exception()  # looked at, also where whoever asked has gone


def _guarded(call: Callable[[], T]) -> T:
    try:
        return call()
    except sqlite3.Error as failure:
        _log.info("the order store failed", exc_info=failure)
        raise StreamError(Code.INTERNAL, "the order store failed") from None
