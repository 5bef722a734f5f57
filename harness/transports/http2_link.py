"""One connection of HTTP/2: who reads it, who writes on it, and what waits in between.

A task of its own reads always, so that settings and pings are answered whatever a session does; what a session does not
read stays in its stream's inbox, whose window is not refilled until then: the target feels each reader by itself. It
must never judge, and never hold more than the windows allow, and one bounded overflow of a peer that ignores them.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Farewell, Pong
from streamspec.harness.transports import http2_frames as h2
from streamspec.harness.transports.http2_observer import CONNECTION_WINDOW_BYTES, Observer
from streamspec.harness.transports.http2_stream import GOODBYE_S, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Body, Connection, Request
    from streamspec.harness.transports._http2_tables import Tables

    Fields = Callable[[Request], list[tuple[bytes, bytes, bool]]]

OUTBOX_BYTES: Final = 262_144  # of what we owe a peer that does not read; beyond it we do not read, either
PINGS_MAX: Final = 1_024  # of ours that are not answered
_PIECE_PAUSE_S: Final = 0.001  # between two segments of a request that is cut


class Link:
    """One connection. `fields_of` are those of a request; `pieces` cuts our first write into segments of so many
    octets."""

    def __init__(
        self, connection: Connection, tables: Tables, limits: Limits, fields_of: Fields, pieces: int = 0
    ) -> None:
        self.observer = Observer(tables, limits)
        self.limits = limits
        self.over = False  # nothing comes any more
        self._connection = connection
        self._tables = tables
        self._fields_of = fields_of
        self._pieces = pieces
        self._streams: dict[int, Stream] = {}
        self._next = 1
        self._pingers: dict[str, Stream] = {}
        self._pings = 0
        self._outbox = bytearray()
        self._posted = 0
        self._sent = 0
        self._mute = False  # nothing is taken any more
        self._crash: BaseException | None = None
        self._changes: list[asyncio.Future[None]] = []
        self.post(
            h2.PREFACE
            + h2.settings(
                {
                    h2.ENABLE_PUSH: 0,
                    h2.INITIAL_WINDOW_SIZE: limits.window_bytes,
                    h2.HEADER_LIST: limits.head_bytes,
                }
            )
            + h2.window_update(0, CONNECTION_WINDOW_BYTES - h2.WINDOW_BYTES)
        )
        self._tasks = [self._started(self._read()), self._started(self._write())]

    def _started(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        """A task of ours that broke is our error: whoever receives raises it."""
        if not task.cancelled() and (error := task.exception()):
            self._crash, self.over, self._mute = error, True, True
            for stream in self._streams.values():
                stream.wake()
        self.change()

    # -- streams -------------------------------------------------------------------------------------------------

    def open(self, request: Request) -> Stream:
        """A stream with this request. Raises `ConnectionError` when the connection is gone."""
        self._raise_if_mute()
        if self.over or len(self._streams) >= self.limits.streams:
            raise ConnectionResetError("gone" if self.over else f"{self.limits.streams} streams are our own limit")
        block = self._tables.write(self._fields_of(request))
        number, self._next = self._next, self._next + 2
        self.observer.expect(number, request.method)
        ends = request.ends and not request.body
        self.post(h2.header_block(number, block, self.observer.frame_bytes, ends=ends))
        stream = self._streams[number] = Stream(self, number, request)
        return stream

    def drop(self, stream: Stream) -> None:
        """Nobody holds it any more."""
        self.observer.forget(stream.number)
        self._streams.pop(stream.number, None)
        self._pingers = {data: pinger for data, pinger in self._pingers.items() if pinger is not stream}
        self.change()

    async def leave(self, stream: Stream) -> None:
        """With the last stream the connection ends."""
        self.drop(stream)
        if not self._streams:
            await self.close()

    def ping(self, stream: Stream) -> None:
        self._raise_if_mute()
        data = self._pings.to_bytes(8)
        self._pings += 1
        self._pingers[data.hex()] = stream
        if len(self._pingers) > PINGS_MAX:
            del self._pingers[next(iter(self._pingers))]
        self.post(h2.frame(h2.PING, 0, 0, data))

    # -- writing -------------------------------------------------------------------------------------------------

    def post(self, octets: bytes) -> None:
        """These octets go out, behind all others."""
        if octets and not self._mute:
            self._outbox += octets
            self._posted += len(octets)
            self.change()

    async def flushed(self) -> None:
        """What was posted until now has been handed to the system. Raises `ConnectionError` when the peer is gone."""
        mark = self._posted
        while self._sent < mark:
            self._raise_if_mute()
            await self.changed()

    async def changed(self) -> None:
        """Something is other than it was: a window, an inbox, an end."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changes.append(future)
        try:
            await future
        finally:
            if future in self._changes:
                self._changes.remove(future)

    def change(self) -> None:
        changes, self._changes = self._changes, []
        for future in changes:
            if not future.done():
                future.set_result(None)

    def raise_crash(self) -> None:
        if self._crash is not None:
            raise self._crash

    def _raise_if_mute(self) -> None:
        self.raise_crash()
        if self._mute:
            raise ConnectionResetError("gone")

    async def _write(self) -> None:
        try:
            while True:
                while not self._outbox:
                    await self.changed()
                octets = bytes(self._outbox)
                self._outbox.clear()
                size, self._pieces = self._pieces or len(octets), 0
                for at in range(0, len(octets), size):
                    if at:  # or the system would join two segments
                        await asyncio.sleep(_PIECE_PAUSE_S)
                    await self._connection.send(octets[at : at + size])
                self._sent += len(octets)
                self.change()
        except ConnectionError:  # what became of the peer, reading shows
            self._mute = True
            self.change()

    # -- reading -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        observer = self.observer
        try:
            while not self.over:
                while self._is_full():
                    await self.changed()
                data = await self._connection.receive(self.limits.receive_bytes)
                self._hand_over(observer.feed(data))
                self.post(bytes(observer.answers))
                observer.answers.clear()
                if observer.refused or not data:
                    self._ends(observer.end("eof"))
                elif observer.broken:
                    code, words = observer.broken
                    self.post(h2.goaway(0, code))
                    self._ends(observer.end("ours", words))
                self.change()
        except ConnectionAbortedError:  # our own close or abort, by another stream perhaps
            self._ends(observer.end("ours"))
        except ConnectionError as error:
            self._ends(observer.end("reset", str(error)))

    def _ends(self, heard: Sequence[tuple[int, Event | Body]]) -> None:
        self.over = True
        self._hand_over(heard)
        self.change()

    def _is_full(self) -> bool:
        """Whether somebody has to move first: the peer, who takes nothing, or a reader whose window was ignored."""
        limit = self.limits.inbox_bytes
        return len(self._outbox) > OUTBOX_BYTES or any(stream.waiting > limit for stream in self._streams.values())

    def _hand_over(self, heard: Sequence[tuple[int, Event | Body]]) -> None:
        for number, entry in heard:
            if number:
                if stream := self._streams.get(number):
                    stream.take(entry)
            elif isinstance(entry, Farewell):
                for stream in self._streams.values():
                    stream.take(entry)
            elif isinstance(entry, Pong):
                if stream := self._pingers.pop(entry.data, None):
                    stream.take(entry)
            elif stream := next((s for s in self._streams.values() if not s.over), None):
                stream.take(entry)

    # -- the end -------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Our orderly end of the connection: a GOAWAY, and FIN."""
        if not (self._mute or self.over):
            self.post(h2.goaway(0, h2.NO_ERROR))
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self.flushed()
        self._stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close()

    def abort(self) -> None:
        self._stop()
        self._connection.abort()

    def _stop(self) -> None:
        """Nobody reads or writes any more, and every stream is told."""
        for task in self._tasks:
            task.cancel()
        self._mute = True
        if not self.over:
            self._ends(self.observer.end("ours"))
