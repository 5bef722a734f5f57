"""Server-sent events: an observer of `text/event-stream` octets (HTML §9.2.5, §9.2.6).

It must never raise, judge, or hold more than one bounded line and one bounded event.

1. A line ends at LF, CR or CRLF, and is read at the octet that ends it: after a CR nobody waits for an LF.
2. Octets are split first and decoded line by line. That is the same as decoding the stream: neither LF nor CR
   is part of a longer UTF-8 sequence.
3. Beyond a limit the beginning of a line or event is kept, the rest skipped, and the skip reported once. Cut
   data is no evidence: it is not read as JSON.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.event import Completed, Deviation, Event, Failed, Heartbeat, Item, Meta, Opened
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Driver
from streamspec.harness.core.profile import field_at, text_or_empty

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile

_LINE_END: Final = re.compile(rb"(\r\n?|\n)")
_BOM: Final = b"\xef\xbb\xbf"
_JSON_TOKEN: Final = re.compile(r'\\.|["\[\]{}]', re.DOTALL)
_TOO_DEEP: Final = "nested beyond our limit"
_INT_DIGITS: Final = 300  # longer numbers are legal JSON; as a float they stay cheap


def recognises(opened: Opened) -> str | None:
    """Why this answer is an event stream (HTML §9.2.2), or None."""
    if 200 <= opened.status < 300 and opened.essence == "text/event-stream":
        return "Content-Type is text/event-stream"
    return None


class SseDecoder:
    """Body octets in, events out (`core.ports.Decoder`)."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._profile = profile
        self._seq = seq
        self._limits = limits
        self._parses = profile.items == "json" or profile.wants_json or bool(seq)
        self._out: list[Event] = []
        self._held = bytearray()  # the line that is not whole yet
        self._skipped = 0  # octets of that line beyond the limit
        self._at = 0  # offset of that line
        self._after_cr = False  # an LF that comes next belongs to the line end before it
        self._items = 0
        self._block = -1  # offset of the present block; -1 between blocks
        self._type = b""
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
        parts = _LINE_END.split(data)  # line, end, line, end, …, the beginning of a line
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
                self._type = value
            case b"id":
                if b"\0" in value:
                    self._out.append(Deviation("sse.id-nul", at))
            case b"retry":
                if not (value.isascii() and value.isdigit()):
                    self._out.append(Deviation("sse.retry", at, self._visible(value)))
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
        event, self._type = self._type, b""
        whole, self._cut, self._full = not (self._cut or self._full), False, False
        if not self._data:  # HTML: an event without a data field is none
            return
        del self._data[-1]
        payload = bytes(self._data)
        self._data.clear()
        text = payload.decode()
        kind = event.decode() or "message"
        parsed, fault = _parsed(text, self._limits.json_depth) if self._parses and text and whole else (None, "")
        match self._profile.kind_of(kind, text, parsed):
            case "item":
                if fault and self._profile.items == "json":
                    code = "sse.data-too-deep" if fault == _TOO_DEEP else "sse.data-not-json"
                    self._out.append(Deviation(code, block, fault))
                self._out.append(self._item(kind, payload, text, parsed, block))
            case "completed":
                self._out.append(Completed(block))
            case "failed":
                if not self._parses and text and whole:
                    parsed, _ = _parsed(text, self._limits.json_depth)
                self._out.append(self._failed(parsed, text, block))
            case "heartbeat":
                self._out.append(Heartbeat(block))
            case "start" | "meta" as word:
                self._out.append(Meta(word, block))

    def _item(self, kind: str, payload: bytes, text: str, parsed: Any, block: int) -> Item:
        n, self._items = self._items, self._items + 1
        seq = field_at(parsed, self._seq) if self._seq else None
        return Item(
            n,
            len(payload),
            hashlib.sha256(payload).hexdigest()[:16],
            printable(text, self._limits.prefix_chars),
            block,
            printable(kind, self._limits.prefix_chars),
            seq if isinstance(seq, int) and not isinstance(seq, bool) else None,
        )

    def _failed(self, parsed: Any, text: str, block: int) -> Failed:
        """The error in a payload: what stands under `error` is nearer to the cause than what is around it."""
        outer = parsed if isinstance(parsed, dict) else {}
        inner = outer.get("error")
        near = inner if isinstance(inner, dict) else {"message": inner}
        code = text_or_empty(near, "code", "type") or text_or_empty(outer, "code", "type")
        message = text_or_empty(near, "message") or text_or_empty(outer, "message")
        chars = self._limits.prefix_chars
        return Failed(
            printable(code, chars), printable(message, self._limits.message_chars), printable(text, chars), block
        )

    def _visible(self, octets: bytes) -> str:
        return printable(octets.decode(), self._limits.prefix_chars)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _number(digits: str) -> int | float:
    """Python refuses to read very long integers (CVE-2020-10735); RFC 8259 §6 lets them be long."""
    return int(digits) if len(digits) <= _INT_DIGITS else float(digits)


_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_number)


def _parsed(text: str, depth: int) -> tuple[Any, str]:
    """The value of one RFC 8259 text, or why it is none, or that it nests too deep to be read."""
    if text.count("[") + text.count("{") > depth and _nests_deeper(text, depth):
        return None, _TOO_DEEP
    try:
        return _JSON.decode(text), ""
    except json.JSONDecodeError as error:
        return None, f"{error.msg} at character {error.pos}"
    except ValueError as error:
        return None, str(error)
    except RecursionError:  # the caller's own stack was nearly full
        return None, _TOO_DEEP


def _nests_deeper(text: str, depth: int) -> bool:
    level, quoted = 0, False
    for token in _JSON_TOKEN.finditer(text):
        mark = token[0]
        if mark == '"':
            quoted = not quoted
        elif not quoted and len(mark) == 1:
            level += 1 if mark in "[{" else -1
            if level > depth:
                return True
    return False


SSE: Final = Driver("sse", "text/event-stream", recognises, SseDecoder)
