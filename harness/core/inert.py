"""Words of a target, made inert: nothing of theirs moves a cursor, hides or reorders text, or begins an escape.

Used where such words enter a history and again where they leave for a person; twice changes nothing more.
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Cc, Cf (bidi and zero-width), Cs, Co, Cn, Zl, Zp: everything that is no plain visible character or a space.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NAMED: Final = {9: "\\t", 10: "\\n", 13: "\\r"}
OCTETS_SHOWN: Final = 64


def printable(text: str, limit_chars: int | None = None) -> str:
    """The text (its beginning, when limited) with everything that is no visible character as an escape."""
    head = text[:limit_chars]
    if head.isascii() and head.isprintable():
        return head
    shown = "".join(c if unicodedata.category(c) not in _UNPRINTABLE else _escape(c) for c in head)
    return shown[:limit_chars]


def _escape(char: str) -> str:
    code = ord(char)
    if code in _NAMED:
        return _NAMED[code]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def octets(data: bytes, limit: int = OCTETS_SHOWN) -> str:
    """Octets as a quoted text, bounded."""
    text = repr(data[:limit])[1:]
    return text if len(data) <= limit else f"{text}…"
