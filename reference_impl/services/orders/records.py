"""How the three forms look on a wire: typed or flat NDJSON, server-sent events, one JSON array. Encoding only.

Never here: HTTP, I/O, a query, or parsing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.binding import Binding, Encode, headers
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.bindings.guide import record
from streamspec.reference_impl.bindings.ndjson import line
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.payload import to_json
from streamspec.reference_impl.services.orders.order import id_of
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from streamspec.reference_impl.services.orders.terms import Export

    Now = Callable[[], datetime]

NDJSON: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"
ARRAY: Final = "application/json"
RETRY_MS: Final = 5_000  # after which a client comes back


def reason(code: Code) -> str:
    """The guide's word for how a stream failed."""
    return {Code.TIMED_OUT: "timeout", Code.UNAVAILABLE: "server-shutdown"}.get(code, "error")


def ndjson(wanted: Export, now: Now) -> Binding:
    """Records in the shape that is wanted."""
    if wanted.records == "flat":
        return Binding("flat", headers(NDJSON), lambda: _flat(now))
    return Binding("typed", headers(NDJSON), lambda: _typed(now, wanted.progress_every))


def events() -> Binding:
    return Binding("events", headers(EVENTS), lambda: _event)


def array() -> Binding:
    return Binding("array", headers(ARRAY), _array)


def _typed(now: Now, progress_every: int) -> Encode:
    """The guide's "Essential Response Format". The last record counts what was shown: `processed` went well."""
    processed = errors = 0
    total: int | None = None

    def progress() -> bytes:
        done = processed + errors
        if not progress_every or done % progress_every or not total or done >= total:
            return b""
        percentage = 100 * done // total
        return record("progress", processed=processed, errors=errors, remaining=total - done, percentage=percentage)

    def encode(frame: Frame) -> bytes:
        nonlocal processed, errors, total
        match frame:
            case Item(text=text):
                processed += 1
                return line(f'{{"type":"data",{text[1:]}') + progress()
            case RecordFailed(n=n, code=code, message=message):
                errors += 1
                return record("error", code=code, recordId=id_of(n), message=message) + progress()
            case Begun():
                total = frame.total
                return record("metadata", totalRecords=total)
            case Heartbeat():
                return record("heartbeat", timestamp=_stamp(now), processed=processed)
            case Completed():
                return record("stream-end", reason="completed", processed=processed, errors=errors)
            case Failed(code=failure):
                errors += 1
                end = record("stream-end", reason=reason(failure), processed=processed, errors=errors)
                return _fatal(frame) + end

    return encode


def _flat(now: Now) -> Encode:
    """The guide's first example: bare orders, and an end that counts them. It says more only if not all went well."""
    processed = errors = 0

    def encode(frame: Frame) -> bytes:
        nonlocal processed, errors
        match frame:
            case Item(text=text):
                processed += 1
                return line(text)
            case RecordFailed(n=n, code=code, message=message):
                errors += 1
                return record("error", code=code, recordId=id_of(n), message=message)
            case Begun():
                return b""
            case Heartbeat():
                return record("heartbeat", timestamp=_stamp(now))
            case Completed():
                failed = {"totalErrors": errors} if errors else {}
                return record("stream-end", totalProcessed=processed, **failed)
            case Failed(code=failure):
                errors += 1
                end = record("stream-end", reason=reason(failure), totalProcessed=processed, totalErrors=errors)
                return _fatal(frame) + end

    return encode


def _fatal(failed: Failed) -> bytes:
    return record("error", code=failed.code.value, message=failed.message, fatal=True)


def _stamp(now: Now) -> str:
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _event(frame: Frame) -> bytes:
    """One event a change. A failure of one has an id, and the next one comes; a failure of all of them has none."""
    match frame:
        case Item(n=n, text=text):
            name, _, data = text.partition("\n")
            return _block(data, name, n)
        case RecordFailed(n=n, message=message):
            return _block(to_json({"type": "processing-error", "message": message}), "error", n)
        case Begun():
            return f"retry: {RETRY_MS}\n\n".encode()
        case Heartbeat():
            return sse.comment("heartbeat")
        case Completed():
            return sse.event('{"reason":"completed"}', name="stream-end")
        case Failed(code=code, message=message):
            fatal = {"type": "stream-error", "code": code.value, "message": message}
            end = sse.event(to_json({"reason": reason(code)}), name="stream-end")
            return sse.event(to_json(fatal), name="error") + end


def _block(data: str, name: str, number: int) -> bytes:
    """The guide writes the id first. Names and data of events have no line ends: the store sees to that."""
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n".encode()


def _array() -> Encode:
    """A comma comes with the order behind it. A failure leaves the bracket open: nothing else in an array says it."""
    separator = "\n"

    def encode(frame: Frame) -> bytes:
        nonlocal separator
        match frame:
            case Item(text=text):
                ahead, separator = separator, ",\n"
                return f"{ahead}{text}".encode()
            case Begun():
                return b"["
            case Heartbeat():
                return b"\n"
            case Completed():
                return b"\n]\n"
            case RecordFailed() | Failed():
                return b""

    return encode
