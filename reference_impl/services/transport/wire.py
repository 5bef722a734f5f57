"""How an answer looks outside of its process: records of one JSON object each, alike on every binding; over HTTP as
NDJSON or as Server-Sent Events, whichever a client accepts.

Pure. Never here: a stream, a request's path, I/O.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.accepting import Range, ranges
from streamspec.reference_impl.binding import Binding, headers
from streamspec.reference_impl.bindings import ndjson, sse
from streamspec.reference_impl.frame import Begun, Completed, Failed, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.services.transport.channel import Header

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.services.transport.channel import Batch, Sent

OCTETS: Final = "base64"  # the member in which a response of octets is sent


def framed(place: int, sent: Sent) -> Item:
    """What is sent as an item, by its place in the stream from 1 on. The header has the first: batches count from 1."""
    if isinstance(sent, Header):
        return Item(0, payload.to_json(header_record(sent)), json=True)
    return Item(place - 1, batch_record(place - 1, sent), json=True)


def header_record(header: Header) -> dict[str, object]:
    return {"type": "header", "correlation-id": header.request_id, "headers": dict(header.headers)}


def batch_record(n: int, batch: Batch) -> str:
    """The JSON of a batch. A response that is JSON already stands in it as it is."""
    if batch.text is not None:
        body = f'"response":{batch.text}'
    else:
        body = f'"response":{{"{OCTETS}":"{base64.b64encode(batch.response).decode()}"}}'
    more = "" if batch.metadata is None else f',"metadata":{payload.to_json(batch.metadata)}'
    return f'{{"type":"batch","n":{n},{body}{more}}}'


def record(frame: Frame) -> str:
    """One frame as JSON; empty where it has none."""
    match frame:
        case Begun():
            return ""
        case Item() | RecordFailed():
            return payload.of(frame)
        case Heartbeat():
            return '{"type":"heartbeat"}'
        case Completed():
            return '{"type":"complete"}'
        case Failed(code=code, message=message):
            return payload.to_json({"type": "error", "code": code.value, "message": message})


def line(frame: Frame) -> bytes:
    """One frame as a line of NDJSON."""
    text = record(frame)
    return ndjson.line(text) if text else b""


def event(frame: Frame) -> bytes:
    """One frame as an event. None has an id: there is nothing that a client could go on behind."""
    match frame:
        case Begun():
            return b""
        case Heartbeat():
            return sse.comment("heartbeat")
        case Completed():
            return sse.event(record(frame), name="complete")
        case Failed():
            return sse.event(record(frame), name="error")
        case Item(n=0):
            return sse.event(record(frame), name="header")
        case _:
            return sse.event(record(frame))


NDJSON: Final = Binding("ndjson", headers("application/x-ndjson"), lambda: line)
EVENTS: Final = Binding("sse", headers("text/event-stream"), lambda: event)
_KINDS: Final = (("application/x-ndjson", NDJSON), ("text/event-stream", EVENTS))


def accepted(accept: str) -> Binding | None:
    """The binding that a client likes best (RFC 9110 12.5.1), the first of two that it likes alike; NDJSON if it does
    not say; None if it takes neither."""
    if not accept:
        return NDJSON
    likes = [(_liking(accept, kind), binding) for kind, binding in _KINDS]
    liking, binding = max(likes, key=lambda pair: pair[0])
    return binding if liking > (0.0, 0.0) else None


def _liking(accept: str, kind: str) -> tuple[float, float]:
    """How much a client likes a type: by the most exact of the ranges that fit. Second, how early it stands."""
    best = (-1, 0.0, 0.0)
    for place, said in enumerate(ranges(accept)):
        fits = said.precision(kind)
        if fits > best[0]:
            best = (fits, _quality(said), -float(place))
    return (best[1], best[2]) if best[0] >= 0 and best[1] > 0 else (0.0, 0.0)


def _quality(said: Range) -> float:
    if not said.weights:
        return 1.0
    try:
        return min(max(float(said.weights[0]), 0.0), 1.0)
    except ValueError:
        return 0.0
