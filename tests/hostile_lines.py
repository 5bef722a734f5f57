"""A client in octets of a connection that streams share, over WebSocket or TCP: what is not read stays with the server.

Never here: a test, or a library that keeps rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from websocket_octets import CLOSE, TEXT, frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_S: Final = 10.0
READER_BYTES: Final = 1_024  # what is read ahead of what was asked for is twice as much
MASK: Final = b"\x01\x02\x03\x04"
FIN: Final = 0x80
UPGRADE: Final = (
    "GET {path} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


def around(over: str, message: bytes) -> bytes:
    """A whole message as it goes `over` `ws` or `tcp`."""
    return frame(TEXT, message, key=MASK) if over == "ws" else len(message).to_bytes(4) + message


def envelope(stream: str, kind: str, **members: Any) -> bytes:
    return json.dumps({"id": stream, "type": f"stream:{kind}", **members}).encode()


def start(stream: str, *steps: Any, procedure: str = "server", run: str = "", **options: Any) -> bytes:
    """What asks for a stream. Its run has the stream's own name, unless there is another."""
    wish = {"run": run or stream, "script": {"steps": steps, **options}}
    return envelope(stream, "start", procedure=procedure, payload=wish)


class Line:
    """One connection. Nothing is read before it is asked for, but for few octets."""

    def __init__(self, over: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.over = over
        self.reader = reader
        self.writer = writer

    def write(self, *octets: bytes) -> None:
        self.writer.write(b"".join(octets))

    def say(self, *messages: bytes) -> None:
        self.write(*(around(self.over, message) for message in messages))

    async def frame(self) -> tuple[int, bytes]:
        """Over WebSocket the first octet of the next frame, over TCP nothing of the kind; and its body. Raises
        `EOFError` when there is none any more."""
        async with asyncio.timeout(LONGEST_S):
            try:
                if self.over == "tcp":
                    return 0, await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(4)))
                first, size = await self.reader.readexactly(2)
                if size > 125:
                    (size,) = struct.unpack(
                        *(
                            (">H", await self.reader.readexactly(2))
                            if size == 126
                            else (">Q", await self.reader.readexactly(8))
                        )
                    )
                return first, await self.reader.readexactly(size)
            except ConnectionError:
                raise EOFError from None

    async def hear(self) -> dict[str, Any]:
        """The next envelope."""
        return dict(json.loads((await self.frame())[1]))

    async def closed(self) -> list[bytes]:
        """The bodies of all that comes before the server ends the connection; its Close is answered."""
        bodies = []
        with contextlib.suppress(EOFError):
            while True:
                first, body = await self.frame()
                bodies.append(body)
                if first == FIN | CLOSE:
                    self.write(frame(CLOSE, body, key=MASK))
        return bodies


@contextlib.asynccontextmanager
async def dialled(
    over: str, port: int, *, kept_bytes: int = 0, path: str = "/script/ws", more: str = ""
) -> AsyncIterator[Line]:
    """A connection, over WebSocket with its handshake done. The system keeps about `kept_bytes` of what is not read, if
    they are given. It is reset in the end, whatever is still unread."""
    connected = socket.socket()
    if kept_bytes:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kept_bytes)
    connected.setblocking(False)  # noqa: FBT003 -- socket's own
    await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connected, limit=READER_BYTES)
    try:
        if over == "ws":
            writer.write(UPGRADE.format(path=path, more=more).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
        yield Line(over, reader, writer)
    finally:
        with contextlib.suppress(OSError):  # it is closed already
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
