"""An answer over gRPC in the parts that HTTP/2 gives it, and the frames of a connection as far as those need.

Pure: octets and fields, no compression of fields and no socket. Never here: a defect, or what a part means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import grpc_text

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 3.4
HEADER_BYTES: Final = 9  # of a frame (4.1)
MOST_PAYLOAD_BYTES: Final = 16_384  # that every peer takes (4.2)
DATA: Final = 0
HEADERS: Final = 1
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
MESSAGE_PREFIX_BYTES: Final = 5  # of a message of gRPC: whether it is compressed, and its length

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Fields: of an answer, of its trailers behind the body, or of both in one where it `ends` at once."""

    fields: Fields
    ends: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Octets of the body, and whether it ends with them."""

    octets: bytes
    ends: bool = False


Part = Head | Data
Retell = Callable[[Part], tuple[Part, ...]]
Hear = Callable[[bytes], bytes]


def as_said(part: Part) -> tuple[Part, ...]:
    return (part,)


def told_as_it_is() -> Retell:
    return as_said


def as_it_came(octets: bytes) -> bytes:
    return octets


def heard_as_it_is() -> Hear:
    return as_it_came


@dataclass(frozen=True, slots=True)
class Relay:
    """How the answers of the gRPC server are said in other words: `retell` is made anew for each stream, and the window
    of each is wider by `window_bytes` than its client knows. What clients say is heard by `hear`, segment by segment
    as it comes, which is made anew for each connection."""

    retell: Callable[[], Retell] = told_as_it_is
    window_bytes: int = 0
    hear: Callable[[], Hear] = heard_as_it_is
    unheard_s: float = 0.0  # until the server hears that a client has torn its connection


def of_fields(change: Callable[[Head], Fields]) -> Callable[[], Retell]:
    """Every block of fields changed in this way, and nothing else."""

    def retell(part: Part) -> tuple[Part, ...]:
        return (Head(change(part), part.ends),) if isinstance(part, Head) else (part,)

    return lambda: retell


def of_wishes(change: Callable[[str, int], str]) -> Callable[[], Hear]:
    """The text of every message that a client says in one frame is changed in this way, and nothing else. It is told
    beside it in how many segments all that was said until then has come. No text may become longer: the server's
    window is counted by its client."""

    def changed(frame: Framed, arrivals: int) -> bytes:
        body = frame.payload[MESSAGE_PREFIX_BYTES:]
        if frame.kind != DATA or frame.payload != message(body):
            return frame.octets
        try:
            text = grpc_text.decoded(body)
        except ValueError:  # another service's message
            return frame.octets
        new = change(text, arrivals)
        octets = frame.payload if new == text else message(grpc_text.encoded(new))
        return Framed(DATA, frame.flags, frame.stream, octets).octets

    def made() -> Hear:
        frames, ahead, arrivals = Frames(), len(PREFACE), 0

        def hear(octets: bytes) -> bytes:
            nonlocal ahead, arrivals
            arrivals += 1
            preface, rest = octets[:ahead], octets[ahead:]
            ahead -= len(preface)
            return preface + b"".join(changed(frame, arrivals) for frame in frames.feed(rest))

        return hear

    return made


def message(octets: bytes) -> bytes:
    """A message with its prefix, not compressed."""
    return b"\0" + len(octets).to_bytes(4) + octets


@dataclass(frozen=True, slots=True)
class Framed:
    """One frame, as it came."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def octets(self) -> bytes:
        return frame(self.kind, self.flags, self.stream, self.payload)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def data(stream: int, part: Data) -> bytes:
    """In frames that every peer takes."""
    cuts = [part.octets[at : at + MOST_PAYLOAD_BYTES] for at in range(0, len(part.octets), MOST_PAYLOAD_BYTES)] or [b""]
    last = len(cuts) - 1
    ends = END_STREAM if part.ends else 0
    return b"".join(frame(DATA, ends if n == last else 0, stream, cut) for n, cut in enumerate(cuts))


def block(stream: int, octets: bytes, *, ends: bool) -> bytes:
    """A block of compressed fields, in a frame and those that continue it."""
    first, rest = octets[:MOST_PAYLOAD_BYTES], octets[MOST_PAYLOAD_BYTES:]
    cuts = [rest[at : at + MOST_PAYLOAD_BYTES] for at in range(0, len(rest), MOST_PAYLOAD_BYTES)]
    flags = (END_STREAM if ends else 0) | (0 if cuts else END_HEADERS)
    out = [frame(HEADERS, flags, stream, first)]
    out += [frame(CONTINUATION, 0 if n < len(cuts) else END_HEADERS, stream, cut) for n, cut in enumerate(cuts, 1)]
    return b"".join(out)


class Frames:
    """Cuts octets into frames, wherever they were cut before."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, octets: bytes) -> Iterator[Framed]:
        self._held += octets
        while len(self._held) >= HEADER_BYTES:
            end = HEADER_BYTES + int.from_bytes(self._held[:3])
            if len(self._held) < end:
                return
            stream = int.from_bytes(self._held[5:9]) & 0x7FFF_FFFF
            yield Framed(self._held[3], self._held[4], stream, bytes(self._held[HEADER_BYTES:end]))
            del self._held[:end]
