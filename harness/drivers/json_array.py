"""One JSON array as a stream: an observer of `application/json` octets that come bit by bit (RFC 8259 §5).

It must never raise, judge, or hold more than one bounded element and the bounded object around the array.

1. The body is an array, or an object of which one member is an array: its first such member holds the elements.
2. An element is read at the octet that closes it. A number, true, false and null have no such octet: what comes next
   ends them.
3. The end is the array's own grammar: `]`, or the `}` around it, completes the stream unless an element has ended it.
4. Beyond a limit the rest is skipped, and that is said once. An element that we cut is an item of which nothing is
   known, if it can be one at all: left out, it would look lost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core.event import Completed, Deviation, Event, Failed, Opened
from streamspec.harness.core.inert import octets as shown
from streamspec.harness.core.ports import Driver
from streamspec.harness.drivers._messages import NO_JSON, Messages, begins_as_json, record
from streamspec.harness.drivers._nesting import Nesting

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile

_BOM: Final = b"\xef\xbb\xbf"
_NOT_BLANK: Final = re.compile(rb"[^ \t\n\r]")
_WORD_END: Final = re.compile(rb'[ \t\n\r,\]"\[{]')  # `}` and `:` end no word: they are a fault inside it

_Where = Literal["before", "around", "between", "value", "word", "over", "lost"]
_OPEN: Final = {
    "before": "no array was begun",
    "around": "inside the object around it",
    "between": "outside of its elements",
    "value": "inside an element",
    "word": "inside an element",
}


def recognises(opened: Opened) -> str | None:
    """Why this answer may be an array that comes bit by bit, or None. With a length it is a document."""
    if 200 <= opened.status < 300 and opened.essence == "application/json" and opened.header("content-length") is None:
        return "Content-Type is application/json, and no Content-Length says where it ends"
    return None


class _Bounded:
    """The beginning of a value, up to a limit, and how many octets of it were skipped."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.octets = bytearray()
        self.skipped = 0


class JsonArrayDecoder:
    """Body octets in, events out (`core.ports.Decoder`)."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._messages = Messages(profile, seq, limits)
        self._limits = limits
        self._out: list[Event] = []
        self._where: _Where = "before"
        self._base = 0  # offset of the octets that are being fed
        self._marked = 0  # octets of a byte order mark
        self._around: _Bounded | None = None  # the object around the array, which stands there as `[]`
        self._around_nesting = Nesting(to_array=True)
        self._had_array = False
        self._element = _Bounded()
        self._nesting = Nesting()
        self._after: Literal["open", "comma", "element"] = "open"
        self._comma = 0  # its offset
        self._terminal = False  # an element was one, by the profile

    @property
    def buffered_bytes(self) -> int:
        return len(self._element.octets) + (len(self._around.octets) if self._around else 0)

    def feed(self, data: bytes) -> list[Event]:
        at = 0
        while at < len(data):
            match self._where:
                case "before":
                    at = self._begin(data, at)
                case "around":
                    at = self._go_around(data, at)
                case "between":
                    at = self._go_between(data, at)
                case "value":
                    at = self._go_on(data, at, self._nesting.run(data, at))
                case "word":
                    found = _WORD_END.search(data, at)
                    at = self._go_on(data, at, found.start() if found else -1)
                case "over":
                    at = self._go_beyond(data, at)
                case "lost":
                    break
        self._base += len(data)
        return self._said()

    def end(self) -> list[Event]:
        if detail := _OPEN.get(self._where):
            self._out.append(Deviation("array.open", self._base, detail))
        self._where = "lost"
        self._around, self._element = None, _Bounded()
        return self._said()

    def _said(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    # -- around the array ----------------------------------------------------------------------------------

    def _begin(self, data: bytes, at: int) -> int:
        offset = self._base + at
        if offset == self._marked < len(_BOM) and data[at] == _BOM[offset]:
            self._marked += 1
            if self._marked == len(_BOM):
                self._out.append(Deviation("array.bom", 0))
            return at + 1
        if 0 < self._marked < len(_BOM):
            return self._lose(data, 0, _BOM)
        found = _NOT_BLANK.search(data, at)
        if not found:
            return len(data)
        at = found.start()
        if data[at : at + 1] == b"[":
            self._where = "between"
            return at + 1
        if data[at : at + 1] == b"{":
            self._where, self._around = "around", _Bounded(self._base + at)
            return at
        return self._lose(data, self._base + at, found[0])

    def _lose(self, data: bytes, offset: int, mark: bytes) -> int:
        self._none(offset, f"it begins with {shown(mark[:1])}")
        return len(data)

    def _none(self, offset: int, detail: str) -> None:
        self._out.append(Deviation("array.none", offset, detail))
        self._where = "lost"

    def _go_around(self, data: bytes, at: int) -> int:
        assert self._around
        stop = self._around_nesting.run(data, at)
        end = len(data) if stop < 0 else stop
        self._keep(self._around, data[at:end])
        if stop >= 0 and self._around_nesting.depth == 0:
            self._close_around(self._around, self._base + stop - 1)
        elif stop >= 0:
            self._had_array = True
            self._where = "between"
        return end

    def _close_around(self, around: _Bounded, offset: int) -> None:
        """`offset` is that of the `}`. What is around the array is one JSON text when the array itself is one value."""
        self._around = None
        json = NO_JSON if around.skipped else self._messages.parsed(self._decoded(around, exact=False))
        if not self._had_array:
            self._none(around.at, "an object, and none of its members is an array")
        elif json.fault and not json.unread:
            self._none(around.at, "the object around the array is no JSON")
        else:
            if json.unread:
                self._out.append(Deviation("array.too-deep", around.at, json.fault))
            self._finish(offset)

    def _close_array(self, offset: int) -> None:
        """`offset` is that of the `]`."""
        if self._after == "comma":
            self._out.append(Deviation("array.separator", self._comma, "a comma before the end"))
        if self._around:
            self._keep(self._around, b"]")
            self._around_nesting.leave_array()
            self._where = "around"
        else:
            self._finish(offset)

    def _finish(self, offset: int) -> None:
        if not self._terminal:
            self._out.append(Completed(offset))
        self._where = "over"

    def _go_beyond(self, data: bytes, at: int) -> int:
        if found := _NOT_BLANK.search(data, at):
            self._out.append(Deviation("array.excess", self._base + found.start(), f"{shown(found[0])} and more"))
            self._where = "lost"
        return len(data)

    # -- elements ------------------------------------------------------------------------------------------

    def _go_between(self, data: bytes, at: int) -> int:
        found = _NOT_BLANK.search(data, at)
        if not found:
            return len(data)
        at, mark = found.start(), found[0]
        offset = self._base + at
        if mark == b"]":
            self._close_array(offset)
        elif mark == b",":
            if self._after != "element":
                self._out.append(Deviation("array.separator", offset, "a comma without an element before it"))
            self._after, self._comma = "comma", offset
        else:
            if self._after == "element":
                self._out.append(Deviation("array.separator", offset, "an element without a comma before it"))
            self._element, self._nesting = _Bounded(offset), Nesting()
            self._where = "value" if mark in {b"{", b"[", b'"'} else "word"
            return at
        return at + 1

    def _go_on(self, data: bytes, at: int, stop: int) -> int:
        """On in an element, which is over at `stop`, or goes on behind these octets when that is -1."""
        end = len(data) if stop < 0 else stop
        self._keep(self._element, data[at:end])
        if stop >= 0:
            self._close_element()
        return end

    def _close_element(self) -> None:
        element, self._element = self._element, _Bounded()
        self._where, self._after = "between", "element"
        octets, cut = bytes(element.octets), element.skipped > 0
        if cut and not begins_as_json(octets):
            return
        text = octets.decode(errors="replace") if cut else self._decoded(element)
        json = NO_JSON if cut else self._messages.parsed(text)
        if json.fault and not json.unread:
            self._out.append(Deviation("array.element", element.at, json.fault))
            return
        fault = Deviation("array.too-deep", element.at, json.fault) if json.unread else None
        events = self._messages.events(record(text, octets, element.at, json.value, whole=not cut), json, fault)
        self._terminal = self._terminal or any(isinstance(event, Completed | Failed) for event in events)
        self._out += events

    def _keep(self, value: _Bounded, octets: bytes) -> None:
        room = self._limits.event_bytes - len(value.octets)
        if len(octets) > room:
            if not value.skipped:
                detail = f"limit {self._limits.event_bytes} octets"
                self._out.append(Deviation("array.element-too-long", value.at, detail))
            value.skipped += len(octets) - room
            octets = octets[:room]
        value.octets += octets

    def _decoded(self, value: _Bounded, *, exact: bool = True) -> str:
        """`exact`: an offset in what was kept is one in the body as well."""
        octets = bytes(value.octets)
        try:
            return octets.decode()
        except UnicodeDecodeError as error:
            at = value.at + (error.start if exact else 0)
            self._out.append(Deviation("array.utf8", at, f"0x{octets[error.start]:02x}"))
            return octets.decode(errors="replace")


JSON_ARRAY: Final = Driver("json_array", "application/json", recognises, JsonArrayDecoder, closes=True)
