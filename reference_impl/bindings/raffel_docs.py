"""Server-sent events as Raffel's page "Streams" shows them (seed 002): items without a name, then `end` or `error`.

Encoding only. Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

from streamspec.reference_impl import payload, raffel_errors
from streamspec.reference_impl.binding import Binding, headers
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed


def encode(frame: Frame) -> bytes:
    """One frame as one event block, without ids. A text is JSON like any other item."""
    match frame:
        case Begun():
            return b""
        case Item() | RecordFailed():
            return sse.event(payload.of(frame))
        case Heartbeat():
            return sse.comment("heartbeat")
        case Completed():
            return sse.event("{}", name="end")
        case Failed(code=code, message=message):
            return sse.event(raffel_errors.shown(code, message), name="error")


BINDING = Binding("raffel-docs", headers("text/event-stream"), lambda: encode)
