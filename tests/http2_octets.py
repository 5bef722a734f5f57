"""HTTP/2 of a client that keeps no rules: frames made octet by octet, and what a server answers, taken as it comes.

Of itself it acknowledges SETTINGS, and nothing else; no window is given back. Never here: a test, or an opinion on
what a server sends.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hpack import Decoder, Encoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LONGEST_S: Final = 10.0
MOST_READ_BYTES: Final = 65_536
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# RFC 9113 6, by type
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
INITIAL_WINDOW_SIZE: Final = 4  # RFC 9113 6.5.2
WIDEST: Final = 2**31 - 1  # a window


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    """A frame, whose length is told as it is unless another one is given."""
    size = len(payload) if length is None else length
    return size.to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def window(stream: int, octets: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, octets.to_bytes(4))


def setting(name: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, name.to_bytes(2) + value.to_bytes(4))


def reset(stream: int, code: int = 8) -> bytes:
    return frame(RST_STREAM, 0, stream, code.to_bytes(4))


def message(body: bytes, *, flag: int = 0, length: int | None = None) -> bytes:
    """A gRPC message, whose length is told as it is unless another one is given."""
    return bytes((flag,)) + (len(body) if length is None else length).to_bytes(4) + body


@dataclass(slots=True)
class Answer:
    """What came on one stream."""

    fields: dict[str, str] = field(default_factory=dict)  # of the head and of the trailers
    data: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def is_over(self) -> bool:
        return self.ended or self.reset is not None

    @property
    def status(self) -> str:
        """gRPC's; empty if there is none."""
        return self.fields.get("grpc-status", "")


class Wire:
    """One connection, and all that has come on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.fields = Encoder()
        self.answers: dict[int, Answer] = {}
        self.counts = [0] * 256  # of frames, by their type
        self.goaway: int | None = None
        self.is_closed = False
        self.next = 1  # the stream that a client opens next
        self._came = b""
        self._block = b""
        self._decoder = Decoder()

    def write(self, *octets: bytes) -> None:
        self.writer.write(b"".join(octets))

    def head(self, stream: int, path: str, *more: tuple[str, str], method: str = "POST", flags: int = 0) -> bytes:
        """A call's HEADERS. `content-type` and `te` are left to `more` where that has a `content-type`."""
        usual = () if "content-type" in dict(more) else (("content-type", "application/grpc"), ("te", "trailers"))
        block = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *usual, *more]
        return frame(HEADERS, END_HEADERS | flags, stream, self.fields.encode(block))

    def call(self, path: str, *octets: bytes, headers: tuple[tuple[str, str], ...] = (), ends: bool = True) -> int:
        """A call whose body is these octets, each a DATA frame; the id of its stream."""
        stream, self.next = self.next, self.next + 2
        frames = [self.head(stream, path, *headers, flags=END_STREAM if ends and not octets else 0)]
        for place, body in enumerate(octets, 1):
            frames.append(frame(DATA, END_STREAM if ends and place == len(octets) else 0, stream, body))
        self.write(*frames)
        return stream

    def answer(self, stream: int) -> Answer:
        return self.answers.setdefault(stream, Answer())

    async def until(self, enough: Callable[[], bool]) -> None:
        """Read until this is so, or the connection is over."""
        async with asyncio.timeout(LONGEST_S):
            while not enough() and not self.is_closed:
                await self._read()

    async def over(self, stream: int) -> Answer:
        """The stream when it is over, or its connection."""
        answer = self.answer(stream)
        await self.until(lambda: answer.is_over)
        return answer

    async def heard(self) -> None:
        """When the server has read all that was written, as its answer to a ping tells; or the connection is over."""
        before = self.counts[PING]
        self.write(frame(PING, 0, 0, b"whatever"))
        await self.until(lambda: self.counts[PING] > before)

    async def closed(self) -> int | None:
        """When the server has ended the connection: the code of its GOAWAY, if there was one."""
        await self.until(lambda: False)
        return self.goaway

    async def _read(self) -> None:
        try:
            octets = await self.reader.read(MOST_READ_BYTES)
        except ConnectionError:
            octets = b""
        self.is_closed = not octets
        self._came += octets
        while len(self._came) >= 9 and len(self._came) >= 9 + (size := int.from_bytes(self._came[:3])):
            head, payload, self._came = self._came[:9], self._came[9 : 9 + size], self._came[9 + size :]
            self._note(head[3], head[4], int.from_bytes(head[5:]) & WIDEST, payload)

    def _note(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.counts[kind] += 1
        match kind:
            case _ if kind in {HEADERS, CONTINUATION}:
                self._block += payload  # which no server here pads
                if flags & END_HEADERS:
                    block, self._block = self._block, b""
                    self.answer(stream).fields |= {str(pair[0]): str(pair[1]) for pair in self._decoder.decode(block)}
            case _ if kind == DATA:
                self.answer(stream).data += payload
            case _ if kind == RST_STREAM:
                self.answer(stream).reset = int.from_bytes(payload)
            case _ if kind == SETTINGS and not flags & ACK:
                self.write(frame(SETTINGS, ACK, 0))  # or grpcio takes no more streams than it allows at a time
            case _ if kind == GOAWAY:
                self.goaway = int.from_bytes(payload[4:8])
            case _:
                pass
        if kind in {DATA, HEADERS} and flags & END_STREAM:
            self.answer(stream).ended = True


@contextlib.asynccontextmanager
async def dialled(port: int, *frames: bytes) -> AsyncIterator[Wire]:
    """A connection with prior knowledge (RFC 9113 3.3): the preface, SETTINGS, a wide window and these frames. It is
    reset in the end, whatever is still unread."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wire = Wire(reader, writer)
    wire.write(PREFACE, frame(SETTINGS, 0, 0), window(0, 2**24), *frames)
    try:
        yield wire
    finally:
        writer.transport.abort()
