"""Server-sent events in the dialect of Raffel (seed 002): a start, `data` items, and `end` or `error`, all named.

Encoding only. Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

from streamspec.reference_impl import payload, raffel_errors
from streamspec.reference_impl.binding import Binding, headers
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed


def encode(frame: Frame) -> bytes:
    """One frame as one event block. Raffel's events carry no ids, and a text is JSON like any other item."""
    match frame:
        case Begun():
            return sse.event("null", name="message")
        case Item() | RecordFailed():
            return sse.event(payload.of(frame), name="data")
        case Heartbeat():
            return sse.comment("heartbeat")
        case Completed():
            return sse.event("null", name="end")
        case Failed(code=code, message=message):
            return sse.event(raffel_errors.shown(code, message), name="error")


BINDING = Binding("raffel", headers("text/event-stream"), lambda: encode)
