"""A tiny HTTP/1.1 writer that sends exactly the bytes it is given, for wire-broken twins and exact cases.

Never here: correctness. It reads just enough of a request to choose an answer, and repairs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from streamspec.reference_impl.routing import Refused

MOST_HEAD_BYTES = 64 * 1024

Write = Callable[[bytes], Awaitable[None]]
End = Literal["fin", "rst", "keep-open"]
Answer = Callable[["Request", Write], Awaitable[End]]


@dataclass(frozen=True, slots=True)
class Request:
    """What an answer may be chosen by. The target is as it came, still percent-encoded."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...] = ()


NOTHING = Request("", "", "")


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence between two pieces."""

    seconds: float


class Protocol(asyncio.Protocol):
    """One connection, one request, one answer. The client's leaving cancels the answer."""

    def __init__(self, answer: Answer, connections: set[Any] | None = None) -> None:
        self._answer = answer
        self._connections = set() if connections is None else connections
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # No buffer above the kernel's: after `write` a piece is under way, and RST cuts nothing off.
        transport.set_write_buffer_limits(high=0)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answering is not None:
            return  # one request a connection; whatever else comes is read and dropped
        self._received += data
        if b"\r\n\r\n" in self._received:
            request = parse(bytes(self._received))
            if request is None:
                self._begin(script(whole(Refused(400, "this is no HTTP/1 request"))), NOTHING)
            else:
                self._begin(self._answer, request)
        elif len(self._received) > MOST_HEAD_BYTES:
            self._begin(script(whole(Refused(431, "the request's head is too long"))), NOTHING)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio.Protocol's shape
        self._connections.discard(self)
        self._may_write.set()
        if self._answering is not None:
            self._answering.cancel()

    def shutdown(self) -> None:
        """Called by the server when it stops: an answer under way may finish."""
        if self._transport is not None and (self._answering is None or self._answering.done()):
            self._transport.close()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _begin(self, answer: Answer, request: Request) -> None:
        self._answering = asyncio.get_running_loop().create_task(self._run(answer, request))

    async def _run(self, answer: Answer, request: Request) -> None:
        assert self._transport is not None
        with contextlib.suppress(ConnectionError):
            end = await answer(request, self._write)
            if end == "fin":
                self._transport.close()
            elif end == "rst":
                reset(self._transport)

    async def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._transport.write(data)
        # After the write and not before: the answer must feel the pressure of the piece that it just sent.
        await self._may_write.wait()


def parse(received: bytes) -> Request | None:
    """The request's head, or None if there is no sense in it."""
    first, *fields = received.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    path, _, query = words[1].partition("?")
    pairs = (field.partition(":") for field in fields)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return Request(words[0], path, query, headers)


def script(*steps: bytes | Pause, end: End = "fin") -> Answer:
    """The same bytes for every request: written one by one, with silences between."""

    async def answer(request: Request, write: Write) -> End:
        for step in steps:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                await write(step)
        return end

    return answer


def head(status: int, *headers: tuple[str, str]) -> bytes:
    """A status line and fields, in the order and spelling given."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} \r\n{fields}\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk as RFC 9112 7.1 wants it. An empty one would be the last, so there is none."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def whole(refused: Refused) -> bytes:
    """A refusal's complete response."""
    return head(refused.status, *refused.all_headers(), ("connection", "close")) + refused.body()


def reset(transport: asyncio.Transport) -> None:
    """End with RST instead of FIN."""
    # Linger on with 0 seconds: close() then drops what is unsent and resets (POSIX SO_LINGER).
    handle = transport.get_extra_info("socket")
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
