"""What items, failed records and errors say, as JSON text on one line: alike in every binding that knows no better. And
the JSON that clients say, which is no more than RFC 8259 allows.

Never here: what a binding puts around it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from streamspec.reference_impl.frame import Item

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Failed, Produced

_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def to_json(value: object) -> str:
    """RFC 8259 text, readable: no NaN, and no escapes beyond the necessary."""
    return _JSON.encode(value)


def from_json(text: str) -> Any:
    """The value of an RFC 8259 text. Raises `ValueError`, and `RecursionError` where it is nested too deep."""
    return json.loads(text, parse_constant=no_constant)


def repeatable(text: str) -> Any:
    """The same, of a text whose value could be written again: no half of a surrogate pair, and no 1e999."""
    value = from_json(text)
    to_json(value).encode()
    return value


def has_utf8(text: str) -> bool:
    """Whether UTF-8 can write it: half of a surrogate pair, which JSON can escape, it cannot."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def writable(text: str) -> str:
    """The text, with an escape in place of each half of a surrogate pair."""
    return text.encode(errors="backslashreplace").decode()


def no_constant(name: str) -> NoReturn:
    """What `json` calls for the constants that it knows and RFC 8259 does not."""
    raise ValueError(f"{name} is no JSON")


def of(frame: Produced) -> str:
    """One JSON text on one line: JSON writes a text's line ends as escapes (RFC 8259 7)."""
    if isinstance(frame, Item):
        if frame.json:
            return frame.text
        return to_json({"n": frame.n, "text": frame.text})
    return to_json({"n": frame.n, "error": {"code": frame.code, "message": frame.message}})


def of_error(frame: Failed) -> str:
    """An error in a binding that has no other name for it."""
    return to_json({"type": "error", "code": frame.code.value, "message": frame.message})
