"""One RFC 8259 text: its value, or why it is none, and what is legal and yet worth a note. Pure.

Every binding reads its JSON here, so that all of them call the same octets JSON. Never here: where a text begins and
ends in a body (a decoder's work), or what a fault means (a rule's).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_TOKEN: Final = re.compile(r'\\.|["\[\]{}]', re.DOTALL)
_INT_DIGITS: Final = 300  # longer numbers are legal JSON; as a float they stay cheap
_EXACT_MAX: Final = 2**53  # beyond it many readers lose digits (RFC 8259 §6)

BLANKS: Final = " \t\n\r"  # RFC 8259 §2, ws
TOO_DEEP: Final = "nested beyond our limit"
DUPLICATE: Final = "a name stands twice in one object"
HUGE: Final = "a number beyond what a double holds"


@dataclass(frozen=True, slots=True)
class JsonText:
    """What a text holds. `fault` says why it is no RFC 8259 text (or, `TOO_DEEP`, that we did not read it); `notes` are
    `DUPLICATE` and `HUGE`, both legal (RFC 8259 §4, §6) and read differently by different readers. `unfinished`: the
    fault stands at the end, so that more text could mend it."""

    value: Any = None
    fault: str = ""
    notes: tuple[str, ...] = ()
    unfinished: bool = False

    @property
    def unread(self) -> bool:
        """Whether our own limit stood in the way: then it is no evidence."""
        return self.fault == TOO_DEEP


def read(text: str, depth: int) -> JsonText:
    """Read one text; it may nest `depth` levels."""
    return Reader(depth).read(text)


class Reader:
    """Reads the texts of one stream, one after another: making a decoder takes longer than reading a short text."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._notes = notes = _Notes()
        self._decoder = json.JSONDecoder(
            object_pairs_hook=notes.pairs,
            parse_constant=_refuse_constant,
            parse_int=notes.integer,
            parse_float=notes.fraction,
        )

    def read(self, text: str) -> JsonText:
        """What the text holds; nothing of the one before it shows."""
        if _opens_more(text, self._depth) and _nests_deeper(text, self._depth):
            return JsonText(fault=TOO_DEEP)
        seen = self._notes.seen
        seen.clear()
        try:
            return JsonText(self._decoder.decode(text), "", tuple(seen))
        except json.JSONDecodeError as error:
            return JsonText(fault=f"{error.msg} at character {error.pos}", unfinished=error.pos >= len(text))
        except ValueError as error:
            return JsonText(fault=str(error))
        except RecursionError:  # the caller's own stack was nearly full
            return JsonText(fault=TOO_DEEP)


class _Notes:
    """What the decoder passes by on its way."""

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}

    def pairs(self, found: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(found)
        if len(value) != len(found):
            self.seen[DUPLICATE] = None
        return value

    def integer(self, digits: str) -> int | float:
        # Python refuses to read very long integers (CVE-2020-10735); RFC 8259 §6 lets them be long.
        value = int(digits) if len(digits) <= _INT_DIGITS else float(digits)
        if abs(value) > _EXACT_MAX:
            self.seen[HUGE] = None
        return value

    def fraction(self, digits: str) -> float:
        value = float(digits)
        if value in {float("inf"), float("-inf")}:
            self.seen[HUGE] = None
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _opens_more(text: str, depth: int) -> bool:
    """Whether it has more opening brackets than that. Each is looked for: counting them walks over every character of
    a long payload, ten times as slowly."""
    for mark in "[{":
        at = text.find(mark)
        while at >= 0:
            if depth == 0:
                return True
            depth -= 1
            at = text.find(mark, at + 1)
    return False


def _nests_deeper(text: str, depth: int) -> bool:
    level, quoted = 0, False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == '"':
            quoted = not quoted
        elif not quoted and len(mark) == 1:
            level += 1 if mark in "[{" else -1
            if level > depth:
                return True
    return False
