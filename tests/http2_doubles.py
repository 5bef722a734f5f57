"""A peer of HTTP/2 that says whatever a test wants said: frames by hand, their fields by the library `hpack`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from hpack import Decoder, Encoder

from streamspec.harness.transports.http2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    Frame,
    FrameReader,
    frame,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.ports import Body, Exchange

    Play = Callable[["Peer"], Awaitable[None]]
    Serving = Callable[["Play"], AbstractAsyncContextManager[int]]

EMPTY_SETTINGS = frame(SETTINGS, 0, 0)
SETTINGS_ACK = frame(SETTINGS, ACK, 0)
GRPC = (("content-type", "application/grpc"),)


class Words:
    """The frames of an answer, with one table for all their fields."""

    def __init__(self) -> None:
        self.encoder = Encoder()

    def block(self, fields: tuple[tuple[str, str], ...], status: int = 0) -> bytes:
        named = [(":status", str(status))] if status else []
        return self.encoder.encode([(n.encode("latin-1"), v.encode("latin-1")) for n, v in (*named, *fields)])

    def head(
        self, fields: tuple[tuple[str, str], ...] = (), *, status: int = 200, stream: int = 1, ends: bool = False
    ) -> bytes:
        return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, self.block(fields, status))

    def trailers(self, *fields: tuple[str, str], stream: int = 1) -> bytes:
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, self.block(fields))


def data(octets: bytes, *, stream: int = 1, ends: bool = False) -> bytes:
    return frame(DATA, END_STREAM if ends else 0, stream, octets)


class Peer:
    """One connection as its server holds it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.words = Words()
        self.writer = writer
        self.frames: list[Frame] = []  # all that came
        self._reader = reader
        self._parser = FrameReader()
        self._decoder = Decoder()
        self._fresh: list[Frame] = []

    async def preface(self) -> None:
        assert await self._reader.readexactly(len(PREFACE)) == PREFACE

    async def say(self, *octets: bytes) -> None:
        self.writer.write(b"".join(octets))
        await self.writer.drain()

    async def next(self, kind: int, stream: int | None = None) -> Frame:
        """The next frame of this kind; those before it are passed over. Raises `IncompleteReadError` at the end."""
        while True:
            while self._fresh:
                found = self._fresh.pop(0)
                if found.kind == kind and stream in {None, found.stream}:
                    return found
            octets = await self._reader.read(65_536)
            if not octets:
                raise asyncio.IncompleteReadError(b"", None)
            came = self._parser.feed(octets)
            self.frames += came
            self._fresh += came

    async def request(self) -> tuple[int, list[tuple[str, str]]]:
        """The next request: its stream, and its fields."""
        head = await self.next(HEADERS)
        fields = self._decoder.decode(head.payload, raw=True)
        return head.stream, [(bytes(f[0]).decode("latin-1"), bytes(f[1]).decode("latin-1")) for f in fields]

    async def gone(self) -> None:
        """Until our end of the connection is closed."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self.next(-1)


@asynccontextmanager
async def peer(play: Play) -> AsyncIterator[int]:
    """A server on loopback that plays this with every connection, after its preface; its port. What it raises, the test
    raises."""
    failures: list[BaseException] = []
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        one = Peer(reader, writer)
        try:
            await one.preface()
            await play(one)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except BaseException as error:  # noqa: BLE001 -- handed over to the test
            failures.append(error)
        writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
    if failures:
        raise failures[0]


async def heard(exchange: Exchange, until: type[Event], wait_ms: int = 5_000) -> list[Event | Body]:
    """What comes up to the first event of this type."""
    out: list[Event | Body] = []
    async with asyncio.timeout(wait_ms / 1e3):
        while not any(isinstance(entry, until) for entry in out):
            batch = await exchange.receive()
            assert batch, f"over without {until.__name__}: {out}"
            out += batch
    return out


async def everything(exchange: Exchange, wait_ms: int = 5_000) -> list[Event | Body]:
    """What comes until nothing more does."""
    out: list[Event | Body] = []
    async with asyncio.timeout(wait_ms / 1e3):
        while batch := await exchange.receive():
            out += batch
    return out
