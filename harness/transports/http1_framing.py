"""The observer of an HTTP/1.1 message body: transfer coding off, deviations out, in octet order.

It must never raise, wait, or hold more than one unfinished line. What it cannot follow, it reports once and
discards.

1. The framing is chosen by RFC 9112 §6.3; what its head broke on the way was said by the head's observer.
2. A line end by LF alone, a blank after a chunk size and a malformed trailer are reported and read; any other
   fault in the chunking ends the decoding, since every later octet would be a guess.
3. EOF ends a close-delimited message only. An RST ends none, so nothing is asked of this observer then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core.event import Deviation, Ended, Event, Framing, Opened
from streamspec.harness.core.inert import octets
from streamspec.harness.core.ports import Body
from streamspec.harness.transports.http1_head import (
    LENGTH_CEILING,
    codings_of,
    faults_of,
    lengths_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.limits import Limits

# Never int(): it takes signs, underscores, blanks and 0x, which no chunk size may have (RFC 9112 §7.1).
_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")

_State = Literal["counted", "close", "size", "data", "data-end", "trailers", "ended", "lost"]


def framing_of(opened: Opened, method: str) -> tuple[Framing, int]:
    """How the message ends (RFC 9112 §6.3), and its length where it declares one."""
    if method == "HEAD" or opened.status in {204, 304} or opened.status < 200:
        return "none", 0
    if (coding := opened.header("transfer-encoding")) is not None:
        return ("chunked", 0) if codings_of([coding])[-1:] == ["chunked"] else ("close", 0)
    if (length := opened.header("content-length")) is not None:
        values = lengths_of(length)
        if values is not None and len(set(values)) == 1:
            return "length", values[0]
    return "close", 0


class BodyObserver:
    """Reads one message body. `feed(b"")` once at the start says `Ended` for a message without octets."""

    def __init__(self, opened: Opened, method: str, offset: int, limits: Limits) -> None:
        self.framing, self._left = framing_of(opened, method)
        self._declared = self._left
        self._limits = limits
        self._state: _State = "size" if self.framing == "chunked" else "close" if self.framing == "close" else "counted"
        self._size = 0  # body octets so far
        self._base = offset  # offset, in the response, of the first octet of the present feed
        self._held = bytearray()  # the chunk line that is not whole yet
        self._trailers = 0
        self._pieces: list[bytes] = []
        self._out: list[Event | Body] = []
        self._steps: dict[_State, Callable[[bytes, int], int]] = {
            "counted": self._counted,
            "close": self._close,
            "size": self._chunk_size,
            "data": self._chunk_data,
            "data-end": self._chunk_data_end,
            "trailers": self._trailer,
            "ended": self._excess,
            "lost": self._discard,
        }

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> list[Event | Body]:
        if self._state == "counted" and not self._left:
            self._end_message()
        position = 0
        while position < len(data):
            position = self._steps[self._state](data, position)
        self._base += len(data)
        return self._taken()

    def end(self) -> list[Event | Body]:
        """The peer closed (FIN): says what that leaves unfinished."""
        match self._state:
            case "close":
                self._end_message()
            case "counted" if self._left:
                self._emit(Deviation("body.short", self._base, f"{self._size} of {self._declared} octets"))
            case "size" | "data" | "data-end" | "trailers":
                self._emit(Deviation("chunk.no-last", self._base, self._unfinished()))
        self._state = "lost"
        self._held.clear()
        return self._taken()

    def _unfinished(self) -> str:
        match self._state:
            case "data":
                return f"{self._left} octets of a chunk missing"
            case "trailers":
                return "after the last chunk, before the empty line"
            case "size" if self._held:
                return f"inside the chunk line {octets(bytes(self._held))}"
        return "between two chunks"

    # -- steps: each reads from `position` and answers how far it came -----------------------------------

    def _counted(self, data: bytes, position: int) -> int:
        position = self._body(data, position)
        if not self._left:
            self._end_message()
        return position

    def _close(self, data: bytes, position: int) -> int:
        self._pieces.append(data[position:])
        self._size += len(data) - position
        return len(data)

    def _chunk_size(self, data: bytes, position: int) -> int:
        at = self._base + position - len(self._held)
        line, position = self._line(data, position, self._limits.chunk_line_bytes)
        if line is None:
            if len(self._held) > self._limits.chunk_line_bytes:
                self._lose(Deviation("chunk.line-too-long", at, f"limit {self._limits.chunk_line_bytes} octets"))
            return position
        content = line.removesuffix(b"\r")
        size, extended, _ = content.partition(b";")
        digits = size.rstrip(b" \t")
        if not _HEX.fullmatch(digits):
            self._lose(Deviation("chunk.size", at, octets(content)))
            return position
        if digits != size and not extended:  # blanks may stand before `;` only (RFC 9112 §7.1.1)
            self._emit(Deviation("chunk.size", at, f"{octets(content)}: a blank after the size"))
        if content == line:
            self._emit(Deviation("chunk.bare-lf", at + len(line)))
        self._left = min(int(digits, 16), LENGTH_CEILING)
        self._state = "data" if self._left else "trailers"
        return position

    def _chunk_data(self, data: bytes, position: int) -> int:
        position = self._body(data, position)
        if not self._left:
            self._state = "data-end"
        return position

    def _chunk_data_end(self, data: bytes, position: int) -> int:
        octet = data[position : position + 1]
        if octet == b"\r" and not self._held:
            self._held += octet
        elif octet == b"\n":
            if not self._held:
                self._emit(Deviation("chunk.bare-lf", self._base + position))
            self._held.clear()
            self._state = "size"
        else:
            found = bytes(self._held) + octet
            self._lose(Deviation("chunk.data-end", self._base + position - len(self._held), octets(found)))
        return position + 1

    def _trailer(self, data: bytes, position: int) -> int:
        at = self._base + position - len(self._held)
        room = self._limits.trailer_bytes - self._trailers
        line, position = self._line(data, position, room)
        if line is None:
            if len(self._held) > room:
                self._lose(Deviation("chunk.trailers-too-long", at, f"limit {self._limits.trailer_bytes} octets"))
            return position
        self._trailers += len(line)
        content = line.removesuffix(b"\r")
        for fault, index in faults_of(content) if content else ():
            self._emit(Deviation("chunk.trailer", at + index, f"{fault}: {octets(content)}"))
        if content == line:
            self._emit(Deviation("chunk.bare-lf", at + len(line)))
        if not content:
            self._end_message()
        return position

    def _excess(self, data: bytes, position: int) -> int:
        # Said at its first octet, for nobody may wait for a second one; so only that octet can be shown.
        octet = octets(data[position : position + 1])
        self._lose(Deviation("body.excess", self._base + position, f"begins with {octet}"))
        return len(data)

    def _discard(self, data: bytes, position: int) -> int:  # noqa: ARG002 -- a step like the others
        return len(data)

    # -- what the steps share ------------------------------------------------------------------------------

    def _body(self, data: bytes, position: int) -> int:
        piece = data[position : position + self._left]
        self._pieces.append(piece)
        self._size += len(piece)
        self._left -= len(piece)
        return position + len(piece)

    def _line(self, data: bytes, position: int, limit: int) -> tuple[bytes | None, int]:
        """The next line without its LF, or None; of a longer line `limit` octets are held, and one more."""
        room = limit + 1 - len(self._held)
        end = data.find(b"\n", position, position + room)
        if end < 0:
            stop = min(len(data), position + room)
            self._held += data[position:stop]
            return None, stop
        line = bytes(self._held) + data[position:end]
        self._held.clear()
        return line, end + 1

    def _end_message(self) -> None:
        self._state = "ended"
        self._emit(Ended(self.framing, self._size))

    def _lose(self, deviation: Deviation) -> None:
        self._state = "lost"
        self._held.clear()
        self._emit(deviation)

    def _emit(self, event: Event) -> None:
        self._flush()
        self._out.append(event)

    def _flush(self) -> None:
        """Neighbouring chunks are one `Body`: where chunks are cut means nothing."""
        if self._pieces:
            self._out.append(Body(b"".join(self._pieces)))
            self._pieces.clear()

    def _taken(self) -> list[Event | Body]:
        self._flush()
        out, self._out = self._out, []
        return out
