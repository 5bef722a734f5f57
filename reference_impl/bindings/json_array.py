"""One JSON array in chunks, encoding only (RFC 8259 5): frames in, elements out, each whole at once.

Never here: HTTP, I/O, or parsing (the judge has its own, and shares none of this).
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.binding import Binding, Encode, headers
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat, Item, RecordFailed


def encoder() -> Encode:
    """An encoder for one stream. It remembers whether an element stands already.

    A comma comes with the element after it: the one before must be readable while there is no next one (CJ-05).
    """
    separator = "\n"

    def element(text: str) -> bytes:
        nonlocal separator
        ahead, separator = separator, ",\n"
        return f"{ahead}{text}".encode()

    def encode(frame: Frame) -> bytes:
        match frame:
            case Begun():
                return b"["
            case Item() | RecordFailed():
                return element(payload.of(frame))
            case Heartbeat():
                return b"\n"  # an array has no other sign of life than a blank
            case Completed():
                return b"\n]\n"
            case Failed():
                return element(payload.of_error(frame)) + b"\n]\n"

    return encode


BINDING = Binding("json_array", headers("application/json"), encoder)
