"""NDJSON as the guide "Streaming APIs" has it of bulk operations (seed 003): a result a record, and a summary.

Encoding only. Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

from streamspec.reference_impl.binding import Binding, Encode, headers
from streamspec.reference_impl.bindings.guide import record
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed


def encoder() -> Encode:
    """An encoder for one stream. It counts what it has shown, for the summary."""
    successful = errors = 0

    def encode(frame: Frame) -> bytes:
        nonlocal successful, errors
        match frame:
            case Begun(total=total):
                return record("metadata", operation="report", **({} if total is None else {"totalRecords": total}))
            case Item(n=n, text=text):
                successful += 1
                return record("success", recordId=_id(n), n=n, text=text)
            case RecordFailed(n=n, code=code, message=message):
                errors += 1
                return record("error", recordId=_id(n), error=code, message=message)
            case Heartbeat():
                return record("heartbeat")
            case Completed():
                # Here, unlike in a `stream-end`, `processed` are those that failed as well.
                return record("summary", processed=successful + errors, successful=successful, errors=errors)
            case Failed():
                return b""  # the page has no word for it: the summary is missing

    return encode


def _id(n: int) -> str:
    return f"item-{n}"


BINDING = Binding("guide-bulk", headers("application/x-ndjson"), encoder)
