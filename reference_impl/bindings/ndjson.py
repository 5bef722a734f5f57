"""Newline-delimited JSON, encoding only (ndjson-spec 3.1): frames in, lines out.

Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.binding import Binding, headers
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed


def encode(frame: Frame) -> bytes:
    """One frame as one line."""
    match frame:
        case Begun():
            return b""
        case Item() | RecordFailed():
            return line(payload.of(frame))
        case Heartbeat():
            return line('{"type":"heartbeat"}')
        case Completed():
            return line('{"type":"end"}')
        case Failed():
            return line(payload.of_error(frame))


def line(text: str) -> bytes:
    """One JSON text that stands on one line, and the line's end, which says that it is whole."""
    return f"{text}\n".encode()


BINDING = Binding("ndjson", headers("application/x-ndjson"), lambda: encode)
