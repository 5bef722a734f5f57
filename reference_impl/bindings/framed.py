"""The scripted streams over TCP: frames of a length in four octets, the highest first, and one envelope in UTF-8.

Never here: what becomes of a message (`multiplex`), or HTTP on the same port (`switchboard`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.connection import has_left
from streamspec.reference_impl.multiplex import LAST_WORDS_S, Ending, Multiplex, Wanted
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.envelopes import Message
    from streamspec.reference_impl.seams import Seams

LENGTH_BYTES: Final = 4
READ_BUFFER_BYTES: Final = 65_536
# What neither HTTP nor TLS begins with. NUL is the first octet of every frame that is short enough.
FIRST_OCTETS: Final = frozenset((*range(8), *range(128, 256)))


class Protocol(asyncio.StreamReaderProtocol):
    """One connection, from its first octet on. The server ends its `connections` and `tasks` when it stops."""

    def __init__(
        self,
        find: Callable[[str, Headers], Wanted | None],
        seams: Seams,
        attend: Callable[[Multiplex], None],
        connections: set[Any],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._reader = asyncio.StreamReader(READ_BUFFER_BYTES)
        super().__init__(self._reader)
        self._streams = Multiplex(find, seams)
        self._attend = attend
        self._connections = connections
        self._tasks = tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=0)  # no buffer above the kernel's
        self._connections.add(self)
        super().connection_made(transport)
        self._attend(self._streams)
        writer = asyncio.StreamWriter(transport, self, self._reader, asyncio.get_running_loop())
        # Not as `asyncio.start_server` does it: the server has to know of the task, to wait for it and to end it.
        task = asyncio.create_task(self._streams.converse(_Frames(self._reader, writer, self._streams)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def data_received(self, data: bytes) -> None:
        self._streams.arrivals += 1
        super().data_received(self._streams.seams.heard(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called by the server when it stops: the application ends the streams, and with them the connection."""


class _Frames:
    """A `multiplex.Carrier`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Multiplex) -> None:
        self._reader = reader
        self._writer = writer
        self._streams = streams

    async def read(self) -> Message | None:
        first = await self._reader.read(1)
        seams = self._streams.seams
        if not first:
            # A FIN is a leave: who only wants to say no more has a message for that, stream by stream.
            if seams.fin_half_closes:
                await self._streams.half_close()
                await self._writer.wait_closed()
            return None
        try:
            async with asyncio.timeout(seams.frame_s):
                length = int.from_bytes(first + await self._reader.readexactly(LENGTH_BYTES - 1))
                if length > seams.most_frame_bytes:
                    raise Ending(Code.RESOURCE_EXHAUSTED, f"a frame has at most {seams.most_frame_bytes} octets")
                body = await self._reader.readexactly(length)
        except TimeoutError:
            raise Ending(Code.TIMED_OUT, f"a frame is over within {seams.frame_s:g} s") from None
        except asyncio.IncompleteReadError:
            return None
        try:
            return body.decode()
        except UnicodeDecodeError:
            return body

    async def write(self, message: Message) -> None:
        body = message.encode() if isinstance(message, str) else message
        self._writer.write(self._streams.seams.frame(body))
        await self._writer.drain()

    def is_gone(self) -> bool:
        if self._streams.seams.fin_half_closes:  # of a FIN that is still to be read nobody knows more than that
            return self._writer.is_closing()
        return self._writer.is_closing() or has_left(self._writer.get_extra_info("socket"))

    async def close(self, code: Code) -> None:
        if code is Code.OK:
            self._writer.transport.abort()
            return
        # A close with something unread is a reset, which may take our last words with it: first our FIN, then theirs.
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                self._writer.write_eof()
                while await self._reader.read(READ_BUFFER_BYTES):
                    pass
        self._writer.transport.abort()
