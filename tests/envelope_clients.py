"""Clients of a connection that streams share: over WebSocket by the library, over TCP by hand. Never here: a test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, Protocol

import websockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_S: Final = 10.0
Envelope = dict[str, Any]


class Client(Protocol):
    async def write(self, message: str | bytes) -> None:
        """One message as it is; returns when the system has taken it."""

    async def read(self) -> str:
        """The next message; raises `EOFError` when there is none any more."""

    def abort(self) -> None:
        """Leave without a word: a reset."""

    async def leave(self) -> None:
        """Leave in order."""


class Socket:
    """Over WebSocket."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection

    async def write(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def read(self) -> str:
        try:
            return str(await self.connection.recv(decode=True))
        except websockets.ConnectionClosed as closed:
            raise EOFError(closed.rcvd.code if closed.rcvd else None) from None

    def abort(self) -> None:
        reset(self.connection.transport)

    async def leave(self) -> None:
        await self.connection.close()


class Framed:
    """Over TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def write(self, message: str | bytes) -> None:
        body = message.encode() if isinstance(message, str) else message
        self.writer.write(len(body).to_bytes(4) + body)
        await self.writer.drain()

    async def read(self) -> str:
        if not (first := await self.reader.read(1)):
            raise EOFError
        size = int.from_bytes(first + await self.reader.readexactly(3))
        return (await self.reader.readexactly(size)).decode()

    def abort(self) -> None:
        reset(self.writer.transport)

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def reset(transport: asyncio.BaseTransport) -> None:
    handle = transport.get_extra_info("socket")
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert isinstance(transport, asyncio.Transport)
    transport.abort()


@contextlib.asynccontextmanager
async def connected(over: str, port: int, path: str = "/script/ws", **how: Any) -> AsyncIterator[Talk]:
    """A client `over` `ws` or `tcp`. It leaves when this is left."""
    client: Client
    if over == "ws":
        client = Socket(await websockets.connect(f"ws://127.0.0.1:{port}{path}", proxy=None, **how))
    else:
        client = Framed(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield Talk(client)
    finally:
        await client.leave()


class Talk:
    """What a client says and hears, in envelopes. What is for another stream than the one that is asked for is kept."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.kept: list[Envelope] = []

    async def say(self, stream: str, kind: str, **members: Any) -> None:
        await self.client.write(json.dumps({"id": stream, "type": f"stream:{kind}", **members}))

    async def start(
        self, stream: str, *steps: Any, direction: str = "server", run: str = "", options: Any = (), **members: Any
    ) -> None:
        """Ask for a stream. Its run has the stream's own name, unless there is another."""
        wish = {"run": run or stream, "script": {"steps": list(steps), **dict(options)}}
        await self.say(stream, "start", procedure=direction, payload=wish, **members)

    async def hear(self, stream: str = "") -> Envelope:
        """The next envelope of all, or of that stream."""
        for place, envelope in enumerate(self.kept):
            if not stream or envelope.get("id") == stream:
                return self.kept.pop(place)
        while True:
            async with asyncio.timeout(LONGEST_S):
                envelope = json.loads(await self.client.read())
            assert isinstance(envelope, dict)
            if not stream or envelope.get("id") == stream:
                return envelope
            self.kept.append(envelope)

    async def told(self, stream: str) -> list[Any]:
        """All of a stream from its start to its terminal: the payloads of its items, then its terminal in short."""
        assert (await self.hear(stream))["type"] == "stream:start"
        items = []
        while (envelope := await self.hear(stream))["type"] in {"stream:data", "stream:credit"}:
            if envelope["type"] == "stream:data":
                items.append(envelope["payload"])
        return [*items, in_short(envelope)]

    async def is_over(self) -> bool:
        """Whether the server ends the connection, whatever it says before."""
        try:
            async with asyncio.timeout(LONGEST_S):
                while True:
                    await self.client.read()
        except (EOFError, OSError):
            return True


def in_short(envelope: Envelope) -> str:
    """The kind of it, and the code of an error: `end`, `error CODE`; `complaint CODE` where it is no stream's."""
    kind = envelope["type"]
    if kind not in {"stream:error", "error"}:
        return str(kind.removeprefix("stream:"))
    return f"{'complaint' if kind == 'error' else 'error'} {envelope['payload']['code']}"


GENERATE: Final = {"do": "generate"}
RECEIVE: Final = {"do": "receive"}
ECHO: Final = {"do": "echo"}
COLLECT: Final = {"do": "collect"}
DRAIN: Final = {"do": "drain"}


def generate(n: int, **more: int) -> dict[str, Any]:
    return {**GENERATE, "n": n, **more}


def gate(name: str = "g") -> dict[str, Any]:
    return {"do": "gate", "name": name}


def send(*items: Any) -> dict[str, Any]:
    return {"do": "send", "items": items}
