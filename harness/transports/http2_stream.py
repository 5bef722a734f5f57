"""One stream of a connection of HTTP/2, as a session holds it: its inbox, and what it says within the peer's windows.

Never here: the connection that it shares (`http2_link`), or the state of its answer (`http2_observer`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Closed, Event, Refused
from streamspec.harness.core.ports import Body, NoSuchWord
from streamspec.harness.transports import http2_frames as h2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.ports import Request
    from streamspec.harness.transports.http2_link import Link

EVENT_BYTES: Final = 256  # what an event in an inbox counts for
GOODBYE_S: Final = 0.25  # how long a last word may take


class Stream:
    """One stream of a link (`core.ports.Multiplexed`)."""

    def __init__(self, link: Link, number: int, request: Request) -> None:
        self.number = number
        self.over = False  # its end was seen, or we have left
        self.waiting = 0  # octets in its inbox, an event counted as some
        self._link = link
        self._inbox: deque[Event | bytearray] = deque()
        self._unsaid = bytearray(request.body)
        self._ends = request.ends  # our half of it is over behind that
        self._ended = self._ends and not request.body
        self._cancelled = False
        self._saying = asyncio.Lock()
        self._arrived: asyncio.Future[None] | None = None
        self._pump()
        if request.push:
            self._cancel()
        wants_more = bool(self._unsaid) and not self._cancelled
        self._opening = asyncio.get_running_loop().create_task(self._say_opening()) if wants_more else None

    @property
    def buffered_bytes(self) -> int:
        return self.waiting

    # -- hearing -------------------------------------------------------------------------------------------------

    def take(self, entry: Event | Body) -> None:
        """One entry of its own, from whoever reads."""
        if self.over:
            return
        self.wake()
        if isinstance(entry, Body):
            self.waiting += len(entry.data)
            if self._inbox and isinstance(self._inbox[-1], bytearray):
                self._inbox[-1] += entry.data
            else:
                self._inbox.append(bytearray(entry.data))
            return
        self.waiting += EVENT_BYTES
        self._inbox.append(entry)
        self.over = isinstance(entry, Closed | Refused)

    def wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def receive(self) -> Sequence[Event | Body]:
        """What has come, in order. What is handed out is read, and its octets are given back to the peer's window."""
        while not self._inbox:
            self._link.raise_crash()
            if self.over:
                return ()
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        batch = [Body(bytes(entry)) if isinstance(entry, bytearray) else entry for entry in self._inbox]
        self._inbox.clear()
        self.waiting = 0
        if not self._cancelled:
            read = sum(len(entry.data) for entry in batch if isinstance(entry, Body))
            self._link.post(self._link.observer.credit(self.number, read))
        self._link.change()
        return batch

    # -- saying --------------------------------------------------------------------------------------------------

    async def say(self, *messages: bytes) -> None:
        """Waits while the windows are shut. What a caller who gave up left unsaid goes ahead of the next message."""
        if self._ends:
            raise NoSuchWord("our half of the stream is over")
        async with self._saying:
            self._unsaid += b"".join(messages)
            await self._pumped()
        await self._link.flushed()

    async def finish(self) -> None:
        """END_STREAM; nothing where we have said it already."""
        self._ends = True
        await self._say_all()
        await self._link.flushed()

    async def reset(self) -> None:
        """RST_STREAM(CANCEL). What still comes is received."""
        self._cancel()
        await self._link.flushed()

    async def ping(self) -> None:
        self._link.ping(self)
        await self._link.flushed()

    async def write(self, octets: bytes) -> None:
        self._link.post(octets)
        await self._link.flushed()

    async def _say_opening(self) -> None:
        """The rest of an opening message that is longer than the window. An answer may come before it is said."""
        with contextlib.suppress(ConnectionError):  # what became of the stream, receiving shows
            await self._say_all()

    async def _say_all(self) -> None:
        async with self._saying:
            await self._pumped()

    async def _pumped(self) -> None:
        while not self._pump():
            await self._link.changed()

    def _pump(self) -> bool:
        """As much of what is unsaid as the windows take; whether that was all, the half-close included."""
        observer, course = self._link.observer, self._link.observer.courses.get(self.number)
        if self._link.over or course is None or course.phase == "gone" or self._cancelled:
            self._unsaid.clear()
            raise ConnectionResetError("the stream is gone")
        while room := max(0, min(len(self._unsaid), observer.window, course.their_window, observer.frame_bytes)):
            piece = bytes(self._unsaid[:room])
            del self._unsaid[:room]
            observer.window -= room
            course.their_window -= room
            self._ended = self._ends and not self._unsaid
            self._link.post(h2.frame(h2.DATA, h2.END_STREAM if self._ended else 0, self.number, piece))
        if self._ends and not (self._unsaid or self._ended):
            self._ended = True
            self._link.post(h2.frame(h2.DATA, h2.END_STREAM, self.number))
        return not self._unsaid

    def _cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._link.post(h2.rst_stream(self.number, h2.CANCEL))
            self._link.change()

    # -- others, and the end -------------------------------------------------------------------------------------

    async def beside(self, request: Request) -> Stream:
        stream = self._link.open(request)
        try:
            await self._link.flushed()
        except ConnectionError:
            pass  # what became of the connection, receiving shows
        except asyncio.CancelledError:  # nobody will hold it
            self._link.drop(stream)
            raise
        return stream

    async def leave(self) -> None:
        """RST_STREAM(CANCEL) where the stream is not over, or our half of it is not."""
        course = self._link.observer.courses.get(self.number)
        whole = self._ended and course is not None and course.phase == "ended"
        if course is not None and course.phase != "gone" and not whole and not self._link.over:
            self._cancel()
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._link.flushed()
        self._quit()
        await self._link.leave(self)

    async def close(self) -> None:
        self._quit()
        await self._link.close()

    def abort(self) -> None:
        self._quit()
        self._link.abort()

    def _quit(self) -> None:
        self.over = True
        self._inbox.clear()
        self.waiting = 0
        if self._opening is not None:
            self._opening.cancel()
        self.wake()
        self._link.change()
