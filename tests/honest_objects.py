"""Two small honest streams, one awaited and one blocking, written without a look at the reference: what the harness
is tried on in its own tests. Nothing here is fast."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Refused(Exception):
    """A refusal with a code, as an API of its own would have."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Awaited:
    """Bounded, with an end, a failure and a cancel; every wait is a wait for a condition."""

    def __init__(self, capacity: int = 2) -> None:
        self.capacity = capacity
        self._items: deque[Any] = deque()
        self._end = ""  # "", "complete", a code
        self._cancelled = False
        self._cleanups: list[Callable[[], None]] = []
        self._moved = asyncio.Condition()

    @property
    def buffered_amount(self) -> int:
        return len(self._items)

    async def send(self, item: Any) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._closed() or len(self._items) < self.capacity)
            if self._closed():
                raise Refused("CANCELLED" if self._cancelled else "UNAVAILABLE")
            self._items.append(item)
            self._moved.notify_all()

    async def receive(self) -> Any:
        async with self._moved:
            await self._moved.wait_for(lambda: self._closed() or self._items)
            if self._cancelled:
                raise Refused("CANCELLED")
            if self._items:
                self._moved.notify_all()
                return self._items.popleft()
            if self._end == "complete":
                raise EOFError
            raise Refused(self._end)

    async def complete(self) -> None:
        await self._close("complete")

    async def error(self, failure: Any) -> None:
        await self._close(failure.code)

    async def cancel(self) -> None:
        async with self._moved:
            if not self._closed():
                self._cancelled = True
                self._items.clear()
                self._clean()
                self._moved.notify_all()

    def on_end(self, cleanup: Callable[[], None]) -> None:
        self._cleanups.append(cleanup)

    async def _close(self, end: str) -> None:
        async with self._moved:
            if self._cancelled:
                return
            if self._end:
                raise Refused("UNAVAILABLE")
            self._end = end
            self._clean()
            self._moved.notify_all()

    def _closed(self) -> bool:
        return bool(self._cancelled or self._end)

    def _clean(self) -> None:
        cleanups, self._cleanups = self._cleanups, []
        for cleanup in cleanups:
            cleanup()


class Blocking:
    """The same for threads, without listeners, and with iteration."""

    def __init__(self, capacity: int = 2) -> None:
        self.capacity = capacity
        self._items: deque[Any] = deque()
        self._ended = False
        self._cancelled = False
        self._moved = threading.Condition()

    def send(self, item: Any) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._cancelled or self._ended or len(self._items) < self.capacity)
            if self._cancelled or self._ended:
                raise Refused("CANCELLED" if self._cancelled else "UNAVAILABLE")
            self._items.append(item)
            self._moved.notify_all()

    def receive(self) -> Any:
        with self._moved:
            self._moved.wait_for(lambda: self._cancelled or self._ended or self._items)
            if self._cancelled:
                raise Refused("CANCELLED")
            if not self._items:
                raise EOFError
            self._moved.notify_all()
            return self._items.popleft()

    def complete(self) -> None:
        with self._moved:
            if self._ended:
                raise Refused("UNAVAILABLE")
            self._ended = True
            self._moved.notify_all()

    def cancel(self) -> None:
        with self._moved:
            self._cancelled = True
            self._items.clear()
            self._moved.notify_all()

    def __iter__(self) -> Any:
        try:
            while True:
                try:
                    item = self.receive()
                except EOFError:
                    return
                yield item
        except GeneratorExit:
            self.cancel()
            raise
