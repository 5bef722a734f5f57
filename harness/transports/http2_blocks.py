"""Blocks of fields, put together from their frames and decompressed (RFC 9113 §4.3, §6.10). Sans-IO.

Never here: what a block means on its stream (`http2_observer`), or whether its fields are well formed (`http2_fields`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.transports import http2_frames as h2
from streamspec.harness.transports.http2_fields import UnreadableBlock

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.transports._http2_tables import Tables

CONTINUATIONS_MAX: Final = 64  # of one block


@dataclass(frozen=True, slots=True)
class RawBlock:
    """The fields of one block as they came, and the frame that began it: its stream, its offset, whether it `ends` the
    stream, and whether it is that of a push."""

    stream: int
    offset: int
    ends: bool
    promised: bool
    fields: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class LostBlock:
    """A block that was not read, and with it everything behind it. `too_long`: our own limit stood in the way."""

    stream: int
    offset: int
    words: str
    too_long: bool = False


class BlockReader:
    """Frames of blocks in, whole blocks out."""

    def __init__(self, tables: Tables, limits: Limits) -> None:
        self._tables = tables
        self._limits = limits
        self._first: h2.Frame | None = None
        self._held = bytearray()
        self._pieces = 0

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    @property
    def open(self) -> h2.Frame | None:
        """The frame that began a block which is not whole yet."""
        return self._first

    def feed(self, frame: h2.Frame) -> RawBlock | LostBlock | None:
        """HEADERS, PUSH_PROMISE, or a CONTINUATION of the block that is open."""
        if self._first is None:
            self._first, self._pieces = frame, 0
        self._held += frame.content() or b""
        self._pieces += 1
        first = self._first
        if len(self._held) > self._limits.head_bytes or self._pieces > CONTINUATIONS_MAX:
            words = f"more than {self._limits.head_bytes} octets, or {CONTINUATIONS_MAX} frames, of a header block"
            return LostBlock(first.stream, first.offset, words, too_long=True)
        if not frame.has(h2.END_HEADERS):
            return None
        block = bytes(self._held)
        self._held.clear()
        self._first = None
        try:
            fields = tuple(self._tables.read(block))
        except UnreadableBlock as error:
            return LostBlock(first.stream, first.offset, str(error), too_long=error.too_long)
        promised = first.kind == h2.PUSH_PROMISE
        return RawBlock(first.stream, first.offset, not promised and first.has(h2.END_STREAM), promised, fields)
