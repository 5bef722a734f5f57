"""Where a listing goes on: an opaque text, empty at the beginning and at the end. Pure.

Never here: a store. Who lists behind an id that is gone meanwhile misses nothing, and gets nothing twice.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from streamspec.reference_impl.stream.errors import Code, StreamError

MOST_ID: Final = 2**63 - 1
_ID: Final = re.compile(rb"[1-9][0-9]{0,18}")


def behind(last_id: int) -> str:
    """The cursor that goes on behind this item; the empty one behind none (0)."""
    return urlsafe_b64encode(str(last_id).encode()).decode() if last_id else ""


def last_id(cursor: str) -> int:
    """Behind which item it goes on. Raises INVALID_ARGUMENT for what no `behind` has made."""
    if not cursor:
        return 0
    try:
        digits = urlsafe_b64decode(cursor.encode("ascii"))
    except ValueError:
        digits = b""
    if _ID.fullmatch(digits) and int(digits) <= MOST_ID and behind(int(digits)) == cursor:
        return int(digits)
    raise StreamError(Code.INVALID_ARGUMENT, "there is no such cursor")
