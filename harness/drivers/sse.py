"""Server-sent events: an observer of `text/event-stream` octets (HTML §9.2.5, §9.2.6).

It must never raise, judge, or hold more than one bounded line and one bounded event.

1. A line ends at LF, CR or CRLF, and is read at the octet that ends it: after a CR nobody waits for an LF.
2. Octets are split first and decoded line by line. That is the same as decoding the stream: neither LF nor CR
   is part of a longer UTF-8 sequence.
3. Beyond a limit the beginning of a line or event is kept, the rest skipped, and the skip reported once. Cut
   data is no evidence: it is not read as JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Deviation, Event, Heartbeat, Opened
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Driver
from streamspec.harness.drivers._messages import NO_JSON, Message, Messages

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile

_LINE_END: Final = re.compile(rb"(\r\n?|\n)")
_BOM: Final = b"\xef\xbb\xbf"


def recognises(opened: Opened) -> str | None:
    """Why this answer is an event stream (HTML §9.2.2), or None."""
    if 200 <= opened.status < 300 and opened.essence == "text/event-stream":
        return "Content-Type is text/event-stream"
    return None


def _parts(data: bytes) -> list[bytes]:
    """Line, end, line, end, …, the beginning of a line. Without a CR a plain split says the same ten times faster."""
    if b"\r" in data:
        return _LINE_END.split(data)
    lines = data.split(b"\n")
    parts = [b"\n"] * (2 * len(lines) - 1)
    parts[::2] = lines
    return parts


class SseDecoder:
    """Body octets in, events out (`core.ports.Decoder`)."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._profile = profile
        self._messages = Messages(profile, seq, limits)
        self._limits = limits
        self._out: list[Event] = []
        self._held = bytearray()  # the line that is not whole yet
        self._skipped = 0  # octets of that line beyond the limit
        self._at = 0  # offset of that line
        self._after_cr = False  # an LF that comes next belongs to the line end before it
        self._fields = False  # that are known, and not data, in the present block
        self._block = -1  # offset of the present block; -1 between blocks
        self._type = b""
        self._id = b""
        self._data = bytearray()
        self._cut = False  # the line limit took part of the present block's data
        self._full = False  # the event limit did

    @property
    def buffered_bytes(self) -> int:
        return len(self._held) + len(self._data) + len(self._type)

    def feed(self, data: bytes) -> list[Event]:
        if self._after_cr and data:
            self._after_cr = False
            if data.startswith(b"\n"):
                self._at += 1
                data = data[1:]
        parts = _parts(data)
        if len(parts) > 1:
            self._hold(parts[0])
            skipped, self._skipped = self._skipped, 0
            parts[0] = bytes(self._held)
            self._held.clear()
            self._lines(parts, skipped)
            self._after_cr = parts[-1] == b"" and parts[-2] == b"\r"
        self._hold(parts[-1])
        out, self._out = self._out, []
        return out

    def end(self) -> list[Event]:
        rest, at = self._unmarked(bytes(self._held), self._at)
        self._held.clear()
        self._valid(rest, at, cut=True)  # whoever cut the last line, a character cut in two is no invalid one
        if self._data or rest == b"data" or rest.startswith(b"data:"):
            self._out.append(Deviation("sse.unterminated", self._block if self._block >= 0 else at))
        self._data.clear()
        out, self._out = self._out, []
        return out

    # -- lines ---------------------------------------------------------------------------------------------

    def _hold(self, octets: bytes) -> None:
        """Keeps the beginning of a line, up to the limit."""
        room = self._limits.line_bytes - len(self._held)
        if len(octets) > room:
            if not self._skipped:
                self._out.append(Deviation("sse.line-too-long", self._at, f"limit {self._limits.line_bytes} octets"))
            self._skipped += len(octets) - room
            octets = octets[:room]
        self._held += octets

    def _lines(self, parts: list[bytes], skipped: int) -> None:
        at, limit = self._at, self._limits.line_bytes
        for line, end in zip(parts[:-1:2], parts[1::2], strict=True):
            size = len(line) + skipped
            if size > limit and not skipped:  # a line that was never held
                self._out.append(Deviation("sse.line-too-long", at, f"limit {limit} octets"))
                self._line(line[:limit], at, cut=True)
            elif line or skipped:
                self._line(line, at, cut=skipped > 0)
            else:
                self._dispatch()
            at += size + len(end)
            skipped = 0
        self._at = at

    def _line(self, line: bytes, at: int, *, cut: bool) -> None:
        if at == 0:
            line, at = self._unmarked(line, at)
            if not line:
                self._dispatch()
                return
        if self._block < 0:
            self._block = at
        if not line.isascii():
            line = self._valid(line, at, cut=cut)
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._append(value, at, cut=cut)
        elif not name:
            self._out.append(Heartbeat(at))
        else:
            self._field(name, value, at)

    @staticmethod
    def _unmarked(line: bytes, at: int) -> tuple[bytes, int]:
        """The line without the mark that may stand before the whole stream."""
        return (line[3:], 3) if at == 0 and line.startswith(_BOM) else (line, at)

    def _field(self, name: bytes, value: bytes, at: int) -> None:
        match name:
            case b"event":
                self._type, self._fields = value, True
            case b"id":
                if b"\0" in value:
                    self._out.append(Deviation("sse.id-nul", at))
                else:
                    self._id, self._fields = value, True
            case b"retry":
                if not (value.isascii() and value.isdigit()):
                    self._out.append(Deviation("sse.retry", at, self._visible(value)))
                else:
                    self._fields = True
            case _ if name.startswith(_BOM):
                self._out.append(Deviation("sse.bom", at))
            case _:
                self._out.append(Deviation("sse.field", at, self._visible(name)))

    def _valid(self, line: bytes, at: int, *, cut: bool) -> bytes:
        """The line as HTML reads it: each invalid sequence as U+FFFD."""
        try:
            line.decode()
        except UnicodeDecodeError as error:
            if cut and error.end == len(line) and error.reason == "unexpected end of data":
                return line[: error.start]  # our limit cut this character, not the target
            self._out.append(Deviation("sse.utf8", at + error.start, f"0x{line[error.start]:02x}"))
            return line.decode(errors="replace").encode()
        return line

    def _append(self, value: bytes, at: int, *, cut: bool) -> None:
        room = self._limits.event_bytes - len(self._data) - 1
        if len(value) > room:
            if not self._full:
                self._full = True
                self._out.append(Deviation("sse.event-too-long", at, f"limit {self._limits.event_bytes} octets"))
            if room < 0:
                return
            value = value[:room].decode(errors="ignore").encode()  # never half a character
        self._cut = self._cut or cut
        self._data += value
        self._data += b"\n"

    # -- messages ------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        block, self._block = self._block, -1
        fields, self._fields = self._fields, False
        event, self._type = self._type, b""
        mark, self._id = self._id, b""
        whole, self._cut, self._full = not (self._cut or self._full), False, False
        if not self._data:  # HTML: an event without a data field is none, and a sign of life all the same
            self._out += [Heartbeat(block)] if fields else []
            return
        del self._data[-1]
        payload = bytes(self._data)
        self._data.clear()
        text = payload.decode()
        message = Message(event.decode() or "message", text, payload, block, whole, mark.decode())
        json = self._messages.parsed(text) if self._messages.parses and text and whole else NO_JSON
        fault = None
        if json.fault and self._profile.items == "json":
            code = "sse.data-too-deep" if json.unread else "sse.data-not-json"
            fault = Deviation(code, block, json.fault)
        self._out += self._messages.events(message, json, fault)

    def _visible(self, octets: bytes) -> str:
        return printable(octets.decode(), self._limits.prefix_chars)


SSE: Final = Driver("sse", "text/event-stream", recognises, SseDecoder)
