"""Where a JSON value ends: quotes and brackets counted octet by octet, however the octets are cut.

It holds three numbers and no octet. Never here: whether the value is JSON (`core.json_text`), or what it means.
"""

from __future__ import annotations

import re
from typing import Final

_OUTSIDE: Final = re.compile(rb'["\[\]{}]')


class Nesting:
    """Reads a value that begins with `{`, `[` or `"`. All brackets count alike: `[}` closes, and is then no JSON.
    With `to_array` it also stops behind the `[` that opens an array at depth 1 of an object."""

    def __init__(self, *, to_array: bool = False) -> None:
        self.depth = 0
        self.quoted = False
        self._escaped = False
        self._to_array = to_array

    def run(self, data: bytes, at: int = 0) -> int:
        """The place behind the octet at which it stops: the value's last, or that `[` (`depth` is then 2); -1 when
        the data were over first."""
        while at < len(data):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = _in_text(data, at) if self.quoted else _outside(data, at)
            if found < 0:
                break
            at = found + 1
            if self._counted(data[found:at]):
                return at
        return -1

    def leave_array(self) -> None:
        """The array at which it stopped is over; it stops at no other."""
        self.depth = 1
        self._to_array = False

    def _counted(self, mark: bytes) -> bool:
        match mark:
            case b"\\":
                self._escaped = True
            case b'"':
                self.quoted = not self.quoted
                return not self.quoted and self.depth == 0
            case b"[" | b"{":
                self.depth += 1
                return self._to_array and mark == b"[" and self.depth == 2
            case _:
                self.depth -= 1
                return self.depth <= 0
        return False


def _outside(data: bytes, at: int) -> int:
    """The next quote or bracket; -1 for none."""
    found = _OUTSIDE.search(data, at)
    return found.start() if found else -1


def _in_text(data: bytes, at: int) -> int:
    """The next quote or backslash; -1 for none. Payloads are long texts: two finds cost a tenth of a pattern."""
    quote = data.find(b'"', at)
    slash = data.find(b"\\", at, quote if quote >= 0 else len(data))
    return slash if slash >= 0 else quote
