"""WebSocket over a `Connection` (RFC 6455): a handshake, then messages both ways, each of the server's observed.

It must never judge, read ahead, reconnect, or send anything but the handshake before its 101. What the target does is
an event; only a request that cannot be sent is an error. Pings are answered while we read, a Close is answered once.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Closed, Ended, Farewell, Refused
from streamspec.harness.core.inert import octets as shown
from streamspec.harness.core.ports import Body, NoSuchWord, Transport
from streamspec.harness.core.unopened import RefusedExchange
from streamspec.harness.core.websocket import CLOSE, FIN, NORMAL, PING, PONG, TEXT, client_frame, close_payload
from streamspec.harness.transports.address import WEBSOCKET_PORTS, address_of, itself
from streamspec.harness.transports.http1 import default_tls, send_in_pieces
from streamspec.harness.transports.http1_framing import BodyObserver
from streamspec.harness.transports.http1_head import HeadObserver
from streamspec.harness.transports.reaching import reached
from streamspec.harness.transports.websocket_deflate import MessageInflater
from streamspec.harness.transports.websocket_frames import FrameObserver, Pinged
from streamspec.harness.transports.websocket_handshake import KEY_BYTES, agreed, handshake_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Connection, Exchange, Request, Where
    from streamspec.harness.transports.http1_head import Head

RandomBytes = Callable[[int], bytes]
_GOODBYE_S: Final = 0.25  # how long our Close frame may take to be handed to the system
_MASK_BYTES: Final = 4


class WebSocketExchange:
    """One connection (`core.ports.Duplex`). Made where a `Connection` stands; the handshake goes out at once."""

    def __init__(self, connection: Connection, request: Request, limits: Limits, random_bytes: RandomBytes) -> None:
        handshake, self._key = handshake_of(request, random_bytes(KEY_BYTES))
        self._connection = connection
        self._request = request
        self._limits = limits
        self._random_bytes = random_bytes
        self._head: HeadObserver | None = HeadObserver(limits)
        self._refusal: BodyObserver | None = None  # of an answer that is no 101
        self._frames: FrameObserver | None = None
        self._over = False
        self._pings = count(1)
        self._pong: bytes | None = None  # what is to be answered: the last Ping is enough (§5.5.3)
        self._bye = False  # the Close is to be answered
        self._parted = False  # a Close of ours has gone out
        self._writing = asyncio.Lock()  # one frame at a time, in the order in which they were meant
        loop = asyncio.get_running_loop()
        self._upgraded: asyncio.Future[bool] = loop.create_future()
        # A server may answer before it has read a long request, so sending must not stand before receiving.
        self._opening = loop.create_task(self._open(handshake))
        self._answering: asyncio.Task[None] | None = None

    @property
    def buffered_bytes(self) -> int:
        observer = self._frames or self._refusal or self._head
        return observer.buffered_bytes if observer else 0

    # -- what a Duplex offers --------------------------------------------------------------------------------

    async def receive(self) -> Sequence[Event | Body]:
        while not self._over:
            try:
                data = await self._connection.receive(self._limits.receive_bytes)
            except ConnectionAbortedError:  # our own close or abort, from another task
                self._over = True
                break
            except ConnectionError as error:
                return self._reset(str(error))
            if events := self._read(data) if data else self._eof():
                return events
        return ()

    async def say(self, *messages: bytes) -> None:
        await self._speak(b"".join(self._framed(TEXT, message) for message in messages))

    async def finish(self) -> None:
        raise NoSuchWord("WebSocket has no half-close: a Close ends both directions")

    async def reset(self) -> None:
        raise NoSuchWord("WebSocket has no word that cancels a stream")

    async def ping(self) -> None:
        await self._speak(self._framed(PING, b"%d" % next(self._pings)))

    async def write(self, octets: bytes) -> None:
        self._parted = self._parted or octets[:1] == bytes((FIN | CLOSE,))
        await self._write(octets)

    async def close(self) -> None:
        """A Close frame where one can still be sent, and a FIN."""
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    if self._frames is not None:
                        await asyncio.wait((self._opening,))
                    if self._leave() and not self._writing.locked():
                        await self._connection.send(self._farewell())
        except asyncio.CancelledError:
            self.abort()
            raise
        self._leave()
        await self._connection.close()

    def abort(self) -> None:
        self._leave()
        self._connection.abort()

    # -- what was received -----------------------------------------------------------------------------------

    def _read(self, data: bytes) -> Sequence[Event | Body]:
        if self._frames is not None:
            return self._seen(self._frames, data)
        if self._refusal is not None:
            return _without_bodies(self._refusal.feed(data))
        assert self._head is not None
        head = self._head.feed(data)
        if head is None:
            return ()
        if isinstance(head, Refused):
            self._end()
            if head.why == "not-http":
                head = Refused("not-http", f"{head.detail}; there came {shown(data)}")
            return (head,)
        self._head = None
        return self._answered(head)

    def _answered(self, head: Head) -> Sequence[Event | Body]:
        opened = head.opened
        if opened.status != 101:
            self._upgraded.set_result(False)
            self._refusal = BodyObserver(opened, self._request.method, head.size, self._limits)
            return (opened, *head.deviations, *_without_bodies(self._refusal.feed(head.rest)))
        terms = agreed(opened, self._request, self._key)
        inflater = MessageInflater(self._limits.message_bytes, takeover=terms.takeover) if terms.deflate else None
        self._frames = FrameObserver(self._limits, inflater)
        self._upgraded.set_result(True)
        return (opened, *head.deviations, *terms.faults, *self._seen(self._frames, head.rest))

    def _seen(self, frames: FrameObserver, data: bytes) -> list[Event | Body]:
        out: list[Event | Body] = []
        for seen in frames.feed(data):
            if isinstance(seen, Pinged):
                self._pong = seen.data
                continue
            self._bye = self._bye or isinstance(seen, Farewell)
            out.append(seen)
        if (self._bye or self._pong is not None) and (self._answering is None or self._answering.done()):
            # Of its own: a server that reads nothing must not keep us from reading.
            self._answering = asyncio.get_running_loop().create_task(self._answer())
        return out

    def _eof(self) -> Sequence[Event | Body]:
        self._end()
        if (frames := self._frames) is not None:
            # No Close, and nothing missing: who reads cannot tell success from failure.
            whole = (Ended("close", frames.size),) if frames.between_messages else ()
            return (*(seen for seen in frames.end() if not isinstance(seen, Pinged)), *whole, Closed("eof"))
        if self._refusal is not None:
            return (*_without_bodies(self._refusal.end()), Closed("eof"))
        assert self._head is not None
        return (self._head.end(),)

    def _reset(self, detail: str) -> Sequence[Event | Body]:
        self._end()
        return (Refused("reset", detail),) if self._head is not None else (Closed("reset", detail),)

    # -- what is sent ----------------------------------------------------------------------------------------

    async def _open(self, handshake: bytes) -> None:
        """The handshake, and behind its 101 what opens the stream: never before (§4.1)."""
        # When the peer is gone, the receiving side sees the same end, after what came before it.
        with contextlib.suppress(ConnectionError):
            await send_in_pieces(self._connection, handshake, self._request.pieces)
            first = (self._request.body, self._request.push.encode())
            opening = b"".join(self._framed(TEXT, message) for message in first if message)
            if await self._upgraded and opening:
                await send_in_pieces(self._connection, opening, self._request.pieces)

    async def _speak(self, frames: bytes) -> None:
        if self._parted:
            raise ConnectionAbortedError("a Close of ours has gone out")
        await self._write(frames)

    async def _write(self, octets: bytes) -> None:
        """Whole, behind what opens the stream. Raises `ConnectionError` where no WebSocket came about."""
        if not self._opening.done():
            await asyncio.wait((self._opening,))
        if self._frames is None:
            raise ConnectionResetError("no WebSocket was opened")
        async with self._writing:
            await self._connection.send(octets)

    async def _answer(self) -> None:
        """What we owe: a Pong to the last Ping, and a Close to a Close. Nothing follows a Close of ours (§5.5.1)."""
        with contextlib.suppress(ConnectionError):
            while self._pong is not None or self._bye:
                pong, self._pong = self._pong, None
                bye, self._bye = self._bye, False
                if self._parted:
                    return
                answer = b"" if pong is None else self._framed(PONG, pong)
                await self._write(answer + self._farewell() if bye else answer)

    def _framed(self, opcode: int, payload: bytes) -> bytes:
        return client_frame(opcode, payload, self._random_bytes(_MASK_BYTES))

    def _farewell(self) -> bytes:
        self._parted = True
        return self._framed(CLOSE, close_payload(NORMAL))

    # -- ends ------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Nothing more will be received."""
        self._over = True
        if not self._upgraded.done():
            self._upgraded.set_result(False)

    def _leave(self) -> bool:
        """Our own end, once. Whether a Close of ours can still be said."""
        said = self._frames is not None and self._opening.done() and not (self._over or self._parted)
        self._end()
        for task in (self._opening, self._answering):
            if task is not None:
                task.cancel()
        return said


def _without_bodies(events: Sequence[Event | Body]) -> list[Event | Body]:
    """What a server writes about its refusal is no message of the stream."""
    return [event for event in events if not isinstance(event, Body)]


def transport(
    tls: ssl.SSLContext | None = None, where: Where = itself, random_bytes: RandomBytes = secrets.token_bytes
) -> Transport:
    """WebSocket that trusts what `tls` trusts (else what the system trusts), connects `where` a target is led, and
    takes its keys from `random_bytes`."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        address = address_of(request.url, WEBSOCKET_PORTS)
        handshake_of(request, b"")  # what cannot be sent is an error before anything is connected
        context = (tls or default_tls()) if address.scheme == "wss" else None
        connection = await reached(request, address.host, address.port, where, connect_ms, context)
        if isinstance(connection, RefusedExchange):
            return connection
        return WebSocketExchange(connection, request, limits, random_bytes)

    return Transport("websocket", tuple(WEBSOCKET_PORTS), open_exchange, lambda led: transport(tls, led, random_bytes))


WEBSOCKET: Final = transport()
