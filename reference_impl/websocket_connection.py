"""uvicorn's WebSocket protocol, made safe against clients that do not read, and shown to variants.

What it would hold without a bound it holds with one: messages that a segment brings at once, fragments, answers to
pings, octets for a client that does not take them. Never here: what a message means, or a defect.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streamspec.reference_impl.bindings import rawhttp
from streamspec.reference_impl.routing import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.frames import Frame
    from websockets.http11 import Request

    from streamspec.reference_impl.connection import Connection
    from streamspec.reference_impl.seams import Seams

SLICE_BYTES: Final = 4_096  # read at a time: few octets may hold many messages, when they are compressed
MOST_FRAGMENTS: Final = 1_024  # of one message
VERSION: Final = "13"  # RFC 6455 4.1
CLOSE_S: Final = 5.0  # for a client to answer a Close, and to take what was written before it
BAD_TEXT, TOO_BIG = 1007, 1009  # RFC 6455 7.4.1


class WebSocket(WebSocketsSansIOProtocol):
    """One connection, from its handshake on."""

    transport: Any  # a `_Transport`

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.close_timeout = CLOSE_S
        self._seams: Seams | None = None
        self._came = bytearray()
        self._pong = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = _Transport(cast("asyncio.Transport", transport), self._written)
        self.transport.set_write_buffer_limits(high=0)  # no buffer above the kernel's

    def connection_lost(self, exc: Exception | None) -> None:
        connection: Connection | None = self.app_state.get("connection")
        if connection is not None:
            connection.lost = exc
        self.transport.over()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: the application ends the streams, and with the last of them the connection."""
        if not self.handshake_complete:
            super().shutdown()

    # -- what comes ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._came += data
        self._read_on()

    async def receive(self) -> Any:
        message = await super().receive()
        self._read_on()
        return message

    def _read_on(self) -> None:
        """Read what came, until there is a message for the application to take."""
        while self._came and not self.read_paused and not self.transport.is_closing():
            piece = bytes(self._came[:SLICE_BYTES])
            del self._came[:SLICE_BYTES]
            super().data_received(piece)
            if self.conn.handshake_exc is not None and not (self.handshake_initiated or self.handshake_complete):
                self._refuse()

    def _refuse(self) -> None:
        """A request that uvicorn takes for a handshake, and its library for none: uvicorn would not answer it."""
        told = b"".join(self.conn.data_to_send())
        self.transport.write(told or rawhttp.whole(Refused(400, "this is no handshake of a WebSocket")))
        self.handshake_complete = self.close_sent = True
        self.transport.close()

    def handle_connect(self, event: Request) -> None:
        self._seams = cast("Any", self.app).seams_of(event.path)
        if event.headers.get_all("Sec-WebSocket-Version") == [VERSION]:
            super().handle_connect(event)
            return
        # With which version it would be another one (RFC 6455 4.4).
        refusal = self.conn.reject(HTTPStatus.UPGRADE_REQUIRED, f"there is version {VERSION} of WebSocket\n")
        refusal.headers["Sec-WebSocket-Version"] = VERSION
        refusal.headers["Upgrade"] = "websocket"
        self.conn.send_response(refusal)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.handshake_complete = self.close_sent = True
        self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= MOST_FRAGMENTS:
            self._fail(TOO_BIG, "a message of too many fragments")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            assert self._seams is not None, "messages come behind the handshake"
            try:
                self.frames = [self._seams.text(self.frames).encode()]
            except UnicodeDecodeError:
                self.frames = []
                self._fail(BAD_TEXT, "a text that is no UTF-8")
                return
        super().send_receive_event_to_app()

    def _fail(self, code: int, reason: str) -> None:
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    # -- what is written -----------------------------------------------------------------------------------------------

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # by a refusal; or it would be taken for one that was never answered

    def handle_ping(self) -> None:
        pongs = b"".join(self.conn.data_to_send())  # to all that came with one slice, at the first of them
        if self.writable.is_set():
            self.transport.write(pongs)
        elif pongs:
            self._pong = _last_of(pongs)  # it answers for those before it (RFC 6455 5.5.3)

    def resume_writing(self) -> None:
        super().resume_writing()
        pong, self._pong = self._pong, b""
        if pong:
            self.transport.write(pong)

    def _written(self, octets: bytes) -> bytes:
        return octets if self._seams is None else self._seams.written(octets)


def _last_of(pongs: bytes) -> bytes:
    """The last of several frames, none of which is masked or longer than control frames are."""
    at = behind = 0
    while behind < len(pongs):
        at, behind = behind, behind + 2 + pongs[behind + 1]
    return pongs[at:]


class _Transport:
    """asyncio's, with what is written as the seam says, and an end for a close that waits for a client to read."""

    def __init__(self, transport: asyncio.Transport, written: Callable[[bytes], bytes]) -> None:
        self._transport = transport
        self._written = written
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, octets: bytes) -> None:
        if octets := self._written(octets):
            self._transport.write(octets)

    def close(self) -> None:
        if self._timer is None and not self._transport.is_closing():
            self._timer = self._loop.call_later(CLOSE_S, self._transport.abort)
        self._transport.close()

    def over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
