"""A relay in front of the gRPC server: what clients say goes through as a variant hears it, and answers are said in its
words.

grpcio keeps its own grammar whatever a handler does. A variant that breaks it on octets is the good server behind such
a relay, on a port of its own: with all its scripts, windows and cancels. Needs the extra `grpc`, for `hpack`. Never
here: a defect.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

from streamspec.reference_impl import grpc_parts as parts
from streamspec.reference_impl import relaying
from streamspec.reference_impl.grpc_parts import Data, Head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from streamspec.reference_impl.grpc_parts import Framed, Part, Relay, Retell

TABLE_BYTES: Final = 65_536  # of compressed fields that a client may let its server keep
WIDE: Final = 2**30  # of the connection's window, where those of streams are widened
_BLOCK: Final = (parts.HEADERS, parts.CONTINUATION)


class Answers:
    """Octets of the server in, octets for the client out. Sans-IO."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._frames = parts.Frames()
        self._block = b""
        self._ends = False  # whether the stream does with the block that is coming
        self._decoder = Decoder()
        self._decoder.max_allowed_table_size = TABLE_BYTES
        self._encoder = Encoder()
        self._retelling: dict[int, Retell] = {}

    def feed(self, octets: bytes) -> bytes:
        return b"".join(said for frame in self._frames.feed(octets) for said in self._said(frame))

    def _said(self, frame: Framed) -> Iterator[bytes]:
        if frame.kind == parts.DATA:  # which grpcio never pads
            yield from self._retold(frame.stream, Data(frame.payload, ends=bool(frame.flags & parts.END_STREAM)))
        elif frame.kind in _BLOCK:
            if frame.kind == parts.HEADERS:
                self._block, self._ends = b"", bool(frame.flags & parts.END_STREAM)
            self._block += frame.payload
            if frame.flags & parts.END_HEADERS:
                decoded = self._decoder.decode(self._block, raw=True)
                fields = tuple((_text(name), _text(value)) for name, value in (pair[:2] for pair in decoded))
                yield from self._retold(frame.stream, Head(fields, self._ends))
        else:
            yield frame.octets

    def _retold(self, stream: int, part: Part) -> Iterator[bytes]:
        retell = self._retelling.setdefault(stream, self._relay.retell())
        for told in retell(part):
            if isinstance(told, Data):
                yield parts.data(stream, told)
            else:
                # What no table keeps can be said to every client, whatever table it allows.
                fields = [NeverIndexedHeaderTuple(n.encode("latin-1"), v.encode("latin-1")) for n, v in told.fields]
                yield parts.block(stream, self._encoder.encode(fields), ends=told.ends)
        if part.ends:
            del self._retelling[stream]


class Wishes:
    """Octets of the client in, octets for the server out: the same, and wider windows."""

    def __init__(self, window_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._preface = len(parts.PREFACE)  # octets of it that have not come
        self._frames = parts.Frames()
        self._widened = False

    def feed(self, octets: bytes) -> bytes:
        if not self._window_bytes:
            return octets
        ahead, rest = octets[: self._preface], octets[self._preface :]
        self._preface -= len(ahead)
        return ahead + b"".join(said for frame in self._frames.feed(rest) for said in self._said(frame))

    def _said(self, frame: Framed) -> Iterator[bytes]:
        yield frame.octets
        if not self._widened:  # behind the first frame, which must be SETTINGS
            self._widened = True
            yield _window(0, WIDE)
        if frame.kind in _BLOCK and frame.flags & parts.END_HEADERS:
            yield _window(frame.stream, self._window_bytes)


def _window(stream: int, octets: int) -> bytes:
    return parts.frame(parts.WINDOW_UPDATE, 0, stream, octets.to_bytes(4))


def _text(octets: object) -> str:
    assert isinstance(octets, bytes), "raw fields were asked for"
    return octets.decode("latin-1")


@contextlib.asynccontextmanager
async def standing(relay: Relay, host: str, behind: int) -> AsyncIterator[int]:
    """The relay on a free port of the host, in front of the server on the port `behind`, for as long as a block runs;
    the value is its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await _relay(relay, reader, writer, host, behind)

    async with relaying.standing(serve, host, 0) as port:
        yield port


async def _relay(
    relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, behind: int
) -> None:
    try:
        far = await asyncio.open_connection(host, behind)
    except OSError:
        writer.transport.abort()
        raise
    hear, wishes = relay.hear(), Wishes(relay.window_bytes)
    there, back = (lambda octets: wishes.feed(hear(octets))), Answers(relay).feed
    await relaying.relayed((reader, writer), far, there, back, relay.unheard_s)
