"""One port for gRPC and for what the server tells of itself: who speaks HTTP/2 is handed on, who asks over HTTP/1.1 is
answered here.

grpcio takes no connection that somebody else has accepted, so octets are relayed, with one bounded buffer each way.
Never here: gRPC, or a figure.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import relaying
from streamspec.reference_impl.grpc_parts import PREFACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Figures = Callable[[], Mapping[str, int]]

MOST_HEAD_BYTES: Final = 8_192  # of a request over HTTP/1.1
FIRST_OCTETS_S: Final = 10.0  # for a connection to say what it is, and for a whole request
GRACE_S: Final = 1.0  # at the end, for both sides of a connection to have gone
_PREFACE_OCTETS: Final = 3  # of the preface, which no method of HTTP/1.1 begins with
_TOLD: Final = b"/told"


class Gate:
    """Where connections are handed on to. Until it is open they wait in the listener's queue."""

    def __init__(self) -> None:
        self._opened: asyncio.Future[tuple[int, Figures]] = asyncio.get_running_loop().create_future()

    def open(self, port: int, figures: Figures) -> None:
        self._opened.set_result((port, figures))

    async def behind(self) -> tuple[int, Figures]:
        return await asyncio.shield(self._opened)


@contextlib.asynccontextmanager
async def standing(gate: Gate, host: str, port: int) -> AsyncIterator[int]:
    """In front of a server of this host, for as long as a block runs; the value is the port. What was said at the end
    goes through. Raises `OSError`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _serve(gate, reader, writer)

    async with relaying.standing(serve, host, port, GRACE_S) as taken:
        yield taken


async def _serve(gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    port, figures = await gate.behind()
    async with asyncio.timeout(FIRST_OCTETS_S):
        first = await reader.readexactly(_PREFACE_OCTETS)
    if PREFACE.startswith(first):
        await _relay(first, reader, writer, port)
        return
    async with asyncio.timeout(FIRST_OCTETS_S):
        head = first + await reader.readuntil(b"\r\n\r\n")
        writer.write(_answer(head, figures))
        await writer.drain()


def _answer(head: bytes, figures: Figures) -> bytes:
    """One answer, and the connection ends behind it."""
    words = head.partition(b"\r\n")[0].split(b" ")
    status, body = b"404 Not Found", b'{"error":"there is only /told"}'
    if len(head) > MOST_HEAD_BYTES:
        status, body = b"431 Request Header Fields Too Large", b'{"error":"the head is too large"}'
    elif words[0] != b"GET":
        status, body = b"405 Method Not Allowed", b'{"error":"figures are asked for with GET"}'
    elif len(words) > 1 and words[1].partition(b"?")[0] == _TOLD:
        status, body = b"200 OK", json.dumps(figures()).encode()
    fields = b"content-type: application/json\r\ncache-control: no-store\r\nconnection: close\r\n"
    allow = b"allow: GET\r\n" if status.startswith(b"405") else b""
    return b"HTTP/1.1 %b\r\n%b%bcontent-length: %d\r\n\r\n%b" % (status, fields, allow, len(body), body)


async def _relay(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    inward, outward = await asyncio.open_connection("127.0.0.1", port, limit=relaying.READ_BYTES)
    outward.write(first)
    await relaying.relayed((reader, writer), (inward, outward))
