"""What we hand to an object: items of ours, and the failure with which a script ends a stream.

Never here: an operation, or anything that the object gave back but the text of an item.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from streamspec.harness.core.event import Item

PREFIX_CHARS: Final = 200
_ITEM: Final = re.compile(r"([A-Za-z0-9_-]+):([0-9]+)(?: \.*)?")


class Token(str):
    """An item of ours: text that says who sent it as the how-many-th, and that can be watched until it is dropped."""

    __slots__ = ("__weakref__",)


class Failure(Exception):
    """The failure with which a script ends a stream. Its code is a name out of the thirteen of the seeds."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code}: asked for by the script")
        self.code = code
        self.message = "asked for by the script"


def item_of(text: str, n: int) -> Item:
    """What was received as the `n`-th, with its sender and number if it is one of ours, unaltered."""
    found = _ITEM.fullmatch(text)
    by, seq = (found[1], int(found[2])) if found else ("", None)
    sha = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return Item(n, len(text), sha, text[:PREFIX_CHARS], 0, by, seq)
