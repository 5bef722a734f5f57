"""Frames of HTTP/2 as octets: reading them at any cut, and writing ours (RFC 9113 §4, §6). Sans-IO.

Never here: what a frame means on its stream (`http2_observer`), a field of a head (`http2_fields`), or a wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # §3.4
HEADER_BYTES: Final = 9
FRAME_BYTES: Final = 16_384  # SETTINGS_MAX_FRAME_SIZE that we allow: its default (§6.5.2)
FRAME_BYTES_MAX: Final = 16_777_215
WINDOW_MAX: Final = 2**31 - 1  # §6.9.1
WINDOW_BYTES: Final = 65_535  # of a connection, and of a stream until a setting says otherwise (§6.9.2)

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
NAMES: Final = (
    *("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS"),
    *("PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"),
)
ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

# Settings (§6.5.2).
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, HEADER_LIST = range(1, 7)

CODES: Final[Mapping[int, str]] = MappingProxyType(
    dict(
        enumerate(
            (
                *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT"),
                *("STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR"),
                *("CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
            )
        )
    )
)  # §7
NO_ERROR, PROTOCOL_ERROR, FRAME_SIZE_ERROR, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0, 1, 6, 8, 9, 11

_EXACT: Final = MappingProxyType({PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4})
_LEAST: Final = MappingProxyType({GOAWAY: 8, PUSH_PROMISE: 4})


def code_words(code: int) -> str:
    """An error code for people: `CANCEL (8)`."""
    return f"{CODES.get(code, 'unknown')} ({code})"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `offset` is that of its header; `size` what its header says, which its payload has unless the frame is
    `oversized`: then nothing of it was read."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    offset: int
    size: int

    @property
    def name(self) -> str:
        return NAMES[self.kind] if self.kind < len(NAMES) else f"of the type {self.kind}"

    @property
    def oversized(self) -> bool:
        return self.size > FRAME_BYTES

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)

    def misfit(self) -> str:
        """What is wrong with its size, in words; empty when nothing is (§6)."""
        if self.oversized:
            return f"{self.name} of {self.size} octets, and we allow {FRAME_BYTES}"
        exact, least = _EXACT.get(self.kind), _LEAST.get(self.kind, 0)
        if self.kind == SETTINGS and (self.size if self.has(ACK) else self.size % 6):
            return f"SETTINGS{' with ACK' if self.has(ACK) else ''} of {self.size} octets"
        if (exact is not None and self.size != exact) or self.size < least:
            return f"{self.name} of {self.size} octets"
        if self.kind in {DATA, HEADERS, PUSH_PROMISE} and self.content() is None:
            return f"{self.name} of {self.size} octets, with more padding than that"
        return ""

    def content(self) -> bytes | None:
        """The payload without padding and priority (§6.1, §6.2); None when they do not fit into it."""
        start, padding = 0, 0
        if self.has(PADDED):
            if not self.payload:
                return None
            start, padding = 1, self.payload[0]
        if self.kind == HEADERS and self.has(PRIORITISED):
            start += 5
        if self.kind == PUSH_PROMISE:
            start += 4
        end = len(self.payload) - padding
        return self.payload[start:end] if start <= end else None


class FrameReader:
    """Octets in, whole frames out. Behind an oversized frame it reads no more: it was never asked to hold that much."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0  # offset of the first octet that is held
        self.lost = False

    @property
    def at(self) -> int:
        """Behind the last octet that was read."""
        return self._at + len(self._held)

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    @property
    def beginning(self) -> bytes:
        """The octets of a frame that is not whole yet."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        if self.lost:
            self._at += len(data)
            return []
        self._held += data
        found: list[Frame] = []
        start = 0
        while len(self._held) - start >= HEADER_BYTES and not self.lost:
            size = int.from_bytes(self._held[start : start + 3])
            self.lost = size > FRAME_BYTES
            end = start + HEADER_BYTES + (0 if self.lost else size)
            if end > len(self._held):
                break
            found.append(self._frame(start, end, size))
            start = end
        if self.lost:
            start = len(self._held)
        del self._held[:start]
        self._at += start
        return found

    def _frame(self, start: int, end: int, size: int) -> Frame:
        kind, flags = self._held[start + 3], self._held[start + 4]
        stream = int.from_bytes(self._held[start + 5 : start + 9]) & WINDOW_MAX  # the reserved bit is ignored (§4.1)
        return Frame(kind, flags, stream, bytes(self._held[start + HEADER_BYTES : end]), self._at + start, size)


# -- ours ----------------------------------------------------------------------------------------------------------


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """The octets of one frame."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def settings(values: Mapping[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(key.to_bytes(2) + value.to_bytes(4) for key, value in values.items()))


def window_update(stream: int, octets: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, octets.to_bytes(4))


def rst_stream(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, code.to_bytes(4))


def goaway(last: int, code: int) -> bytes:
    return frame(GOAWAY, 0, 0, last.to_bytes(4) + code.to_bytes(4))


def header_block(stream: int, block: bytes, room: int, *, ends: bool) -> bytes:
    """HEADERS, with CONTINUATIONs where the block is longer than `room` octets (§6.10)."""
    pieces = [block[at : at + room] for at in range(0, len(block), room)] or [b""]
    out = bytearray()
    for number, piece in enumerate(pieces):
        flags = END_HEADERS if number == len(pieces) - 1 else 0
        kind = CONTINUATION if number else HEADERS
        out += frame(kind, flags | (END_STREAM if ends and not number else 0), stream, piece)
    return bytes(out)
