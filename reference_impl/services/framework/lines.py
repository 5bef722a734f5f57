"""Streams as lines of JSON: an item as it is, and one that would read like a word of ours in an envelope around it.

Encoding only. Never here: HTTP, I/O, or reading.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Item

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame

WRAPPED: Final = "stream:data"  # what an item is called in the document's envelopes
OURS: Final = ("end", "error", "heartbeat", WRAPPED)
_QUOTED: Final = tuple(f'"{word}"' for word in OURS)
_ESCAPED: Final = "\\u00"  # how JSON escapes what is ASCII; of letters only what somebody else wrote does that
# Numbers stay texts: they are not looked at, and long ones are no numbers to Python.
_PAIRS: Final = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str)


def encode(frame: Frame) -> bytes:
    """One frame as one line."""
    if isinstance(frame, Item) and _reads_like_ours(frame.text):
        return ndjson.line(f'{{"type":"{WRAPPED}","payload":{frame.text}}}')
    return ndjson.encode(frame)


def _reads_like_ours(text: str) -> bool:
    """Whether any reader may take it for a word of ours: readers differ in which member counts of those that have one
    name (RFC 8259 4)."""
    if '"type"' not in text and _ESCAPED not in text:
        return False
    if _ESCAPED not in text and not any(word in text for word in _QUOTED):
        return False
    try:
        members: Any = _PAIRS.decode(text)
    except (ValueError, RecursionError):
        return True  # an envelope does no harm
    return isinstance(members, tuple) and any(name == "type" and value in OURS for name, value in members)


BINDING: Final = ndjson.BINDING.encoded(encode)
