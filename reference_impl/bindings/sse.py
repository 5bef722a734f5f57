"""Server-sent events, encoding only (HTML 9.2.5): frames in, bytes out.

Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

import json
import re

from streamspec.reference_impl.frame import Completed, Failed, Frame, Item

HEADERS = (("content-type", "text/event-stream"), ("cache-control", "no-store"))

_LINE_END = re.compile("\r\n|\r|\n")


def encode(frame: Frame) -> bytes:
    """One frame as one event block."""
    match frame:
        case Item(n=n):
            return event(payload(frame), id=str(n))
        case Completed():
            return event("{}", name="end")
        case Failed(code=code, message=message):
            return event(to_json({"code": code.value, "message": message}), name="error")


def payload(item: Item) -> str:
    """An item's data: one JSON text on one line."""
    return to_json({"n": item.n, "text": item.text})


def event(data: str, *, name: str = "", id: str = "") -> bytes:  # noqa: A002 -- the field is called id
    """One event block. `data` may have line ends; a name or id may not, they would start other fields."""
    lines = [f"{field}: {_one_line(value)}" for field, value in (("event", name), ("id", id)) if value]
    lines += [f"data: {line}" for line in _LINE_END.split(data)]
    return "\n".join([*lines, "", ""]).encode()


def heartbeat(comment: str = "") -> bytes:
    """A comment: it keeps a connection busy and is no event."""
    return f": {_one_line(comment)}\n\n".encode()


def to_json(value: object) -> str:
    """RFC 8259 text, readable: no NaN, and no escapes beyond the necessary."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _one_line(value: str) -> str:
    if any(forbidden in value for forbidden in "\r\n\0"):
        raise ValueError("CR, LF and NUL have no place in an event's name, id or comment")
    return value
