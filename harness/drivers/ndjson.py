"""Newline-delimited JSON: an observer of `application/x-ndjson` octets (ndjson-spec §3.1, RFC 8259).

It must never raise, judge, or hold more than one bounded line and one bounded text that is spread over lines.

1. A line ends at LF and is read at that octet. A CR before it belongs to the line end.
2. Octets are split first and decoded line by line: LF is part of no longer UTF-8 sequence.
3. A line whose JSON only lacks its end may be the beginning of a text that somebody spread over lines. Its lines are
   held until their brackets are closed, or until a line of its own shows that the text was torn.
4. Beyond a limit the rest is skipped, and that is said once. A line that we cut is an item of which nothing is known,
   if it can be one at all: left out, it would look lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import json_text
from streamspec.harness.core.event import Deviation, Event, Heartbeat, Opened
from streamspec.harness.core.ports import Driver
from streamspec.harness.drivers._messages import NO_JSON, Messages, begins_as_json, record
from streamspec.harness.drivers._nesting import Nesting

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.profile import Profile

_BOM: Final = b"\xef\xbb\xbf"
# ndjson-spec §3.3 and the names under which it is also served. Not application/json-seq: RS before each text.
_TYPES: Final = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
    }
)


def recognises(opened: Opened) -> str | None:
    """Why this answer is newline-delimited JSON, or None."""
    if 200 <= opened.status < 300 and opened.essence in _TYPES:
        return f"Content-Type is {opened.essence}"
    return None


class _Spread:
    """One JSON text over several lines: what came of it so far. `fault` is what its first line lacked."""

    def __init__(self, line: bytes, at: int, fault: str) -> None:
        self.at = at
        self.fault = fault
        self.octets = bytearray(line)
        self.given_up = False  # beyond our limit: no longer held, and said
        self.nesting = Nesting()
        self.nesting.run(line)

    def add(self, line: bytes) -> bool:
        """Whether the text is closed by this line."""
        self.octets += b"\n" + line
        return self.nesting.run(line) >= 0


class NdjsonDecoder:
    """Body octets in, events out (`core.ports.Decoder`)."""

    def __init__(self, profile: Profile, seq: str, limits: Limits) -> None:
        self._messages = Messages(profile, seq, limits)
        self._limits = limits
        self._out: list[Event] = []
        self._held = bytearray()  # the line that is not whole yet
        self._skipped = 0  # octets of that line beyond the limit
        self._at = 0  # offset of that line
        self._spread: _Spread | None = None

    @property
    def buffered_bytes(self) -> int:
        return len(self._held) + (len(self._spread.octets) if self._spread else 0)

    def feed(self, data: bytes) -> list[Event]:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._hold(line)
            if self._skipped:
                self._item_of(bytes(self._held))
            else:
                self._line(bytes(self._held), ended=True)
            self._at += len(self._held) + self._skipped + 1
            self._held.clear()
            self._skipped = 0
        self._hold(rest)
        return self._said()

    def end(self) -> list[Event]:
        if self._skipped:
            self._out.append(Deviation("ndjson.unterminated", self._at))
        elif self._held:
            self._line(bytes(self._held), ended=False)
        self._held.clear()
        self._skipped = 0
        self._give_up()
        return self._said()

    def _said(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    # -- lines ---------------------------------------------------------------------------------------------

    def _hold(self, octets: bytes) -> None:
        """Keeps the beginning of a line, up to the limit."""
        room = self._limits.line_bytes - len(self._held)
        if len(octets) > room:
            if not self._skipped:
                self._give_up()
                self._out.append(Deviation("ndjson.line-too-long", self._at, f"limit {self._limits.line_bytes} octets"))
            self._skipped += len(octets) - room
            octets = octets[:room]
        self._held += octets

    def _item_of(self, cut: bytes) -> None:
        if begins_as_json(cut.removeprefix(_BOM)):
            text = cut.decode(errors="replace")
            self._out += self._messages.events(record(text, cut, self._at, None, whole=False), NO_JSON)

    def _line(self, line: bytes, *, ended: bool) -> None:
        """One line without its LF. `ended`: there was one; without, the body ended here, whoever cut it."""
        at = self._at
        if line.endswith(b"\r"):
            line = line[:-1]
            if ended:
                self._out.append(Deviation("ndjson.crlf", at + len(line)))
        if line.startswith(_BOM):
            self._out.append(Deviation("ndjson.bom", at))
            line, at = line[len(_BOM) :], at + len(_BOM)
        if b"\r" in line:
            self._out.append(Deviation("ndjson.inner-cr", at + line.index(b"\r")))
        text = self._decoded(line, at, ended=ended)
        if text.strip(json_text.BLANKS):
            self._text(text, line, at, ended=ended)
        elif ended:  # ndjson-spec §3.2 lets parsers ignore it, and senders use it to show that they live
            self._out += [Deviation("ndjson.empty-line", at), Heartbeat(at)]

    def _decoded(self, line: bytes, at: int, *, ended: bool) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            in_two = error.end == len(line) and error.reason == "unexpected end of data"
            if ended or not in_two:  # whoever cut the last line, a character cut in two is no invalid one
                self._out.append(Deviation("ndjson.utf8", at + error.start, f"0x{line[error.start]:02x}"))
            return line.decode(errors="replace")

    # -- texts ---------------------------------------------------------------------------------------------

    def _text(self, text: str, line: bytes, at: int, *, ended: bool) -> None:
        if self._spread and not self._stands_alone(text):
            self._go_on(self._spread, line, at, ended=ended)
            return
        self._give_up()
        json = self._messages.parsed(text)
        if not ended:
            self._out.append(Deviation("ndjson.unterminated", at))
        elif json.unfinished:
            self._spread = _Spread(line, at, json.fault)
        elif json.fault and not json.unread:
            self._out.append(Deviation("ndjson.not-json", at, json.fault))
        if not json.fault or json.unread:
            self._said_of(text, line, at, json)

    def _stands_alone(self, text: str) -> bool:
        """Whether this line is a record and no part of the text before it: then that one was torn. What is spread over
        lines by a pretty-printer stands indented."""
        return text[0] in "{[" and not self._messages.parsed(text).fault

    def _go_on(self, spread: _Spread, line: bytes, at: int, *, ended: bool) -> None:
        if not spread.given_up and len(spread.octets) + 1 + len(line) > self._limits.event_bytes:
            spread.given_up = True
            self._out.append(Deviation("ndjson.not-json", spread.at, f"open after {self._limits.event_bytes} octets"))
        if spread.given_up:
            spread.octets.clear()
        closed = spread.add(line)
        if closed:
            self._spread = None
        elif spread.nesting.quoted or not ended:  # no string goes on behind a line end (RFC 8259 §7)
            self._give_up()
        if not ended:
            self._out.append(Deviation("ndjson.unterminated", at))
        if closed and not spread.given_up:
            self._close(spread)

    def _close(self, spread: _Spread) -> None:
        octets = bytes(spread.octets)
        text = octets.decode(errors="replace")
        json = self._messages.parsed(text)
        if json.fault and not json.unread:
            self._out.append(Deviation("ndjson.not-json", spread.at, json.fault))
        else:
            self._out.append(Deviation("ndjson.spread", spread.at))
            self._said_of(text, octets, spread.at, json)

    def _give_up(self) -> None:
        """The text that was spread over lines will not be whole: said once, where it began."""
        spread, self._spread = self._spread, None
        if spread and not spread.given_up:
            self._out.append(Deviation("ndjson.not-json", spread.at, spread.fault))

    def _said_of(self, text: str, octets: bytes, at: int, json: json_text.JsonText) -> None:
        fault = Deviation("ndjson.too-deep", at, json.fault) if json.unread else None
        self._out += self._messages.events(record(text, octets, at, json.value), json, fault)


NDJSON: Final = Driver("ndjson", "application/x-ndjson", recognises, NdjsonDecoder)
