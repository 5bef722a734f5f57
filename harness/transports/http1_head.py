"""The observer of an HTTP/1.x response head: octets in, one `Head` or one `Refused` out.

It must never raise, wait or judge: what leaves RFC 9112's grammar becomes a `Deviation` and reading goes on.

1. Anything that cannot be `HTTP/1.x NNN` is refused at its first impossible octet, never guessed at.
2. Interim heads (1xx but 101) are read and dropped, their deviations kept. 101 is final: nobody asked for it.
3. Deviations are in octet order; offsets count from the first octet of the first status line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core.event import Deviation, Opened, Refused
from streamspec.harness.core.inert import octets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.limits import Limits

TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_NOT_TOKEN: Final = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 §5.5, a bare CR included (RFC 9112 §2.2)
# RFC 9112 §4. The space before an absent reason phrase is often forgotten, and no client minds.
_STATUS_LINE: Final = re.compile(rb"(HTTP/1\.[0-9]) ([1-9][0-9]{2})(?: (.*))?", re.DOTALL)
_DIGITS: Final = b"0123456789"
_STATUS_OCTETS: Final = (
    *(bytes((octet,)) for octet in b"HTTP/1."),
    *(_DIGITS, b" ", _DIGITS[1:], _DIGITS, _DIGITS, b" \r\n"),
)
_HeadEnd = Literal["final", "interim"]
# A length beyond any body: larger numbers are legal (RFC 9110 §8.6), and mean the same to us.
LENGTH_CEILING: Final = 10**18


@dataclass(frozen=True, slots=True)
class Head:
    """A whole head: `size` counts its octets, interim heads included; `rest` is what was fed beyond it."""

    opened: Opened
    deviations: tuple[Deviation, ...]
    size: int
    rest: bytes


@dataclass(frozen=True, slots=True)
class _Field:
    """One header field; `offset` is that of its line."""

    name: str
    value: str
    offset: int


class HeadObserver:
    """Reads one response head. `feed` answers None until it can tell; after that it must not be fed again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = bytearray()  # the line that is not whole yet
        self._at = 0  # offset of that line
        self._began = 0  # offset of this head; interim heads come before the final one
        self._interim = 0
        self._status: tuple[str, int, str] | None = None
        self._lines = 0
        self._fields: list[_Field] = []
        self._foldable = False
        self._deviations: list[Deviation] = []

    @property
    def buffered_bytes(self) -> int:
        return len(self._held) + sum(len(field.name) + len(field.value) for field in self._fields)

    def feed(self, data: bytes) -> Head | Refused | None:
        position = 0
        while position < len(data):
            room = self._began + self._limits.head_bytes + 1 - self._at - len(self._held)
            end = data.find(b"\n", position, position + room)
            stop = min(len(data), position + room) if end < 0 else end + 1
            self._held += data[position:stop]
            position = stop
            if self._status is None and (refused := self._implausible()):
                return refused
            if self._at + len(self._held) - self._began > self._limits.head_bytes:
                return Refused("too-long", f"the head is longer than {self._limits.head_bytes} octets")
            if end < 0:
                return None
            line = bytes(self._held)
            self._held.clear()
            outcome = self._read(line)
            self._at += len(line)
            match outcome:
                case "final":
                    return self._head(data[position:])
                case "interim":
                    self._began = self._at
                case Refused():
                    return outcome
        return None

    def end(self) -> Refused:
        """The peer closed before the head was whole."""
        octets = self._at + len(self._held)
        return Refused("closed", f"after {octets} octets of the head" if octets else "before the first octet")

    def _implausible(self) -> Refused | None:
        for index, allowed in enumerate(_STATUS_OCTETS[: len(self._held)]):
            if self._held[index] not in allowed:
                seen = octets(bytes(self._held[: index + 1]))
                return Refused("not-http", f"no HTTP/1.x status line can begin with {seen}")
        return None

    def _read(self, line: bytes) -> Refused | _HeadEnd | None:
        """One line with its LF: which head it ended, a refusal, or None to go on."""
        content = line[:-1]
        if content.endswith(b"\r"):
            content = content[:-1]
        else:
            self._deviations.append(Deviation("head.bare-lf", self._at + len(line) - 1))
        if self._status is None:
            return self._read_status(content)
        if not content:
            return self._finish()
        self._lines += 1
        if self._lines > self._limits.head_fields:
            return Refused("too-long", f"the head has more than {self._limits.head_fields} lines")
        self._read_field(content)
        return None

    def _read_status(self, content: bytes) -> Refused | None:
        match = _STATUS_LINE.fullmatch(content)
        if match is None:
            return Refused("not-http", f"no HTTP/1.x status line is {octets(content)}")
        version, status, reason = match[1], int(match[2]), match[3] or b""
        if fault := _CONTROL.search(reason):
            at = self._at + match.start(3) + fault.start()
            self._deviations.append(Deviation("head.value", at, "in the reason phrase"))
        self._status = (version.decode("ascii"), status, reason.decode("latin-1"))
        return None

    def _read_field(self, content: bytes) -> None:
        faults = [Deviation(f"head.{fault}", self._at + index, octets(content)) for fault, index in faults_of(content)]
        self._deviations += faults
        if content[:1] in {b" ", b"\t"}:
            if self._foldable:  # RFC 9112 §5.2: a fold is read as a space
                last, more = self._fields[-1], content.strip(b" \t").decode("latin-1")
                self._fields[-1] = replace(last, value=f"{last.value} {more}".strip(" "))
            return
        name, colon, value = content.partition(b":")
        self._foldable = bool(colon)
        if colon:  # RFC 9112 §5.1: blanks before the colon are removed by whoever passes the message on
            text = value.strip(b" \t").decode("latin-1")
            self._fields.append(_Field(name.rstrip(b" \t").decode("latin-1"), text, self._at))

    def _finish(self) -> Refused | _HeadEnd:
        assert self._status is not None
        if self._status[1] == 101 or self._status[1] >= 200:
            return "final"
        self._interim += 1
        if self._interim > self._limits.interim_heads:
            return Refused("too-long", f"more than {self._limits.interim_heads} interim heads")
        self._status, self._lines, self._foldable = None, 0, False
        self._fields.clear()
        return "interim"

    def _head(self, rest: bytes) -> Head:
        assert self._status is not None
        version, status, reason = self._status
        headers = tuple((field.name, field.value) for field in self._fields)
        deviations = sorted([*self._deviations, *_framing_faults(self._fields)], key=lambda d: d.offset)
        return Head(Opened(status, reason, version, headers), tuple(deviations), self._at, rest)


def faults_of(content: bytes) -> Iterator[tuple[str, int]]:
    """What is wrong with one field line (without its line end), each with its index in the line."""
    if content[:1] in {b" ", b"\t"}:
        yield "obs-fold", 0
        if fault := _CONTROL.search(content):
            yield "value", fault.start()
        return
    name, colon, value = content.partition(b":")
    if not colon:
        yield "no-colon", 0
        return
    if bad := _NOT_TOKEN.search(name):
        yield "name", bad.start()
    elif not name:
        yield "name", 0
    if fault := _CONTROL.search(value):
        yield "value", len(name) + 1 + fault.start()


def _framing_faults(fields: Sequence[_Field]) -> Iterator[Deviation]:
    """Content-Length and Transfer-Encoding as RFC 9112 §6 forbids them."""
    lengths = [field for field in fields if field.name.lower() == "content-length"]
    codings = [field for field in fields if field.name.lower() == "transfer-encoding"]
    if lengths and codings:
        yield Deviation("head.length-and-coding", max(lengths[0].offset, codings[0].offset))
    first: int | None = None
    for field in lengths:
        values = lengths_of(field.value)
        if values is None:
            yield Deviation("head.length-invalid", field.offset, octets(field.value.encode("latin-1")))
            continue
        first = values[0] if first is None else first
        if any(value != first for value in values):
            yield Deviation("head.lengths-differ", field.offset, octets(field.value.encode("latin-1")))
            break
    if codings and codings_of(field.value for field in codings) != ["chunked"]:
        detail = octets(", ".join(field.value for field in codings).encode("latin-1"))
        yield Deviation("head.coding-unknown", codings[0].offset, detail)


def lengths_of(value: str) -> list[int] | None:
    """The numbers of a Content-Length value, a list being read too (RFC 9110 §8.6); None if one is none."""
    numbers: list[int] = []
    for part in value.split(","):
        digits = part.strip(" \t")
        if not (digits.isascii() and digits.isdigit()):
            return None
        significant = digits.lstrip("0") or "0"
        numbers.append(int(significant) if len(significant) <= 18 else LENGTH_CEILING)
    return numbers


def codings_of(values: Iterator[str] | Sequence[str]) -> list[str]:
    """The transfer codings in the order of their application, lower case."""
    parts = (part.strip(" \t").lower() for value in values for part in value.split(","))
    return [part for part in parts if part]
