"""Length-framed TCP: messages of ours out, those of the target in, each behind its length.

It must never judge, or know what a message means. There is no handshake: the connection itself is the answer. What the
target does is an event.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Ended, Opened
from streamspec.harness.core.ports import NoSuchWord, Transport
from streamspec.harness.core.unopened import RefusedExchange
from streamspec.harness.transports.address import address_of, itself
from streamspec.harness.transports.framed_frames import FrameObserver
from streamspec.harness.transports.http1 import send_in_pieces
from streamspec.harness.transports.reaching import reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.frame import Frame
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Body, Exchange, Request, Where
    from streamspec.harness.transports import tcp

_NO_PORT: Final = MappingProxyType({"tcp": 0})  # there is none that everybody means
_STANDS: Final = Opened(0, "", "TCP", ())


def place_of(url: str) -> tuple[str, int]:
    """Host and port of `tcp://host:port`; raises `UsageError`, which never repeats credentials."""
    address = address_of(url, _NO_PORT)
    if address.path != "/":
        raise UsageError(f"a tcp: URL ends with its port: {url!r}")
    return address.host, address.port


class FramedExchange:
    """One connection (`core.ports.Duplex`); `opening` are octets that go out first."""

    def __init__(
        self, connection: tcp.TcpConnection, opening: bytes, frame: Frame, limits: Limits, pieces: int = 0
    ) -> None:
        self._connection = connection
        self._frame = frame
        self._limits = limits
        self._frames = FrameObserver(frame, limits)
        self._begun = False
        self._over = False
        # A server may speak before it has read a long message, so sending must not stand before receiving.
        self._sending = asyncio.get_running_loop().create_task(self._send(opening, pieces))

    @property
    def buffered_bytes(self) -> int:
        return self._frames.buffered_bytes

    async def receive(self) -> Sequence[Event | Body]:
        if not (self._begun or self._over):
            self._begun = True
            return (_STANDS,)
        while not self._over:
            try:
                data = await self._connection.receive(self._limits.receive_bytes)
            except ConnectionAbortedError:  # our own close or abort, from another task
                self._over = True
                break
            except ConnectionError as error:
                self._over = True
                return (Closed("reset", str(error)),)
            if events := self._frames.feed(data) if data else self._eof():
                return events
        return ()

    async def say(self, *messages: bytes) -> None:
        await self.write(b"".join(map(self._frame.around, messages)))

    async def finish(self) -> None:
        await asyncio.wait((self._sending,))
        await self._connection.finish()

    async def reset(self) -> None:
        raise NoSuchWord("a connection of frames has no word for a cancel")

    async def ping(self) -> None:
        raise NoSuchWord("a connection of frames has no ping")

    async def write(self, octets: bytes) -> None:
        await asyncio.wait((self._sending,))  # whatever became of it: what opens the stream stays ahead
        await self._connection.send(octets)

    async def close(self) -> None:
        self._over = True
        self._sending.cancel()
        await self._connection.close()

    def abort(self) -> None:
        self._over = True
        self._sending.cancel()
        self._connection.abort()

    def _eof(self) -> Sequence[Event | Body]:
        """Between two frames the end of a connection is an orderly one; what that means for a stream in envelopes,
        its terminal has said."""
        self._over = True
        cut = self._frames.end()
        return (*cut, Closed("eof")) if cut else (Ended("close", self._frames.size), Closed("eof"))

    async def _send(self, octets: bytes, pieces: int) -> None:
        # When the peer is gone, the receiving side sees the same end, after what came before it.
        with contextlib.suppress(ConnectionError):
            await send_in_pieces(self._connection, octets, pieces)


def transport(where: Where = itself) -> Transport:
    """Length-framed TCP that connects `where` a target is led."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        host, port = place_of(request.url)
        messages = (request.body, request.push.encode())
        opening = b"".join(request.frame.around(message) for message in messages if message)
        connection = await reached(request, host, port, where, connect_ms)
        if isinstance(connection, RefusedExchange):
            return connection
        return FramedExchange(connection, opening, request.frame, limits, request.pieces)

    return Transport("framed", ("tcp",), open_exchange, transport)


FRAMED: Final = transport()
