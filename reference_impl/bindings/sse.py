"""Server-sent events, encoding only (HTML 9.2.5): frames in, bytes out.

Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.binding import Binding, headers
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed


def encode(frame: Frame) -> bytes:
    """One frame as one event block."""
    match frame:
        case Begun():
            return b""
        case Item(n=n, text=text, bare=True):
            return event(text, id=str(n))
        case Item(n=n) | RecordFailed(n=n):
            return event(payload.of(frame), id=str(n))
        case Heartbeat():
            return comment("heartbeat")
        case Completed():
            return event("{}", name="end")
        case Failed(code=code, message=message):
            return event(payload.to_json({"code": code.value, "message": message}), name="error")


def event(data: str, *, name: str = "", id: str = "") -> bytes:  # noqa: A002 -- the field is called id
    """One event block. `data` may have line ends; a name or id may not, they would start other fields."""
    if not (name or id or "\r" in data or "\n" in data):
        return f"data: {data}\n\n".encode()  # as below: most are these, and come in thousands
    lines = [f"{field}: {_one_line(value)}" for field, value in (("event", name), ("id", id)) if value]
    lines += [f"data: {line}" for line in _lines(data)]
    return "\n".join([*lines, "", ""]).encode()


def _lines(text: str) -> list[str]:
    if "\r" not in text and "\n" not in text:
        return [text]
    # Not `splitlines`, which knows more line ends than HTML 9.2.5 does.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def comment(text: str) -> bytes:
    """A comment: it keeps a connection busy and is no event."""
    return f": {_one_line(text)}\n\n".encode()


def _one_line(value: str) -> str:
    if any(forbidden in value for forbidden in "\r\n\0"):
        raise ValueError("CR, LF and NUL have no place in an event's name, id or comment")
    return value


BINDING = Binding("sse", headers("text/event-stream"), lambda: encode)
