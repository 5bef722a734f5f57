"""The items that we say where a stream goes both ways: counted, and of a size. Pure.

Never here: how a binding carries them (a driver's talker does).
"""

from __future__ import annotations

import hashlib
from typing import Final

_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" * 4  # one for each octet


def said_item(n: int, octets: int = 0) -> str:
    """The JSON of our item `n`, in about so many octets, which do not compress: `{"n": n, "pad": "…"}`."""
    plain = f'{{"n":{n}}}'
    room = octets - len(plain) - len(',"pad":""')
    return f'{{"n":{n},"pad":"{_pad(n, room)}"}}' if room > 0 else plain


def _pad(n: int, room: int) -> str:
    """In one go: a loop of ours over every letter would hold up all that a session reads meanwhile."""
    return hashlib.shake_128(b"%d" % n).digest(room).translate(_LETTERS).decode()
