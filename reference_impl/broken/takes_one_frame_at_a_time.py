"""A frame that has to have a segment to itself.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

LENGTH_BYTES = 4
TOO_LONG = b"\xff" * LENGTH_BYTES


def _heard(octets: bytes) -> bytes:
    """Where a segment begins with a frame, and there is more than that, it ends the connection."""
    length = int.from_bytes(octets[:LENGTH_BYTES])
    begins = octets[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{"
    return TOO_LONG if begins and LENGTH_BYTES + length < len(octets) else octets


VARIANT = Variant(
    name="takes-one-frame-at-a-time",
    sentence="A segment with more than one frame ends its connection.",
    where="app",
    on=("tcp",),
    kills="TC-07",
    because=("3 echoed", "an end"),
    also={"CN-19": "a cancel in the segment that opens its stream ends the connection"},
    seams=Seams(heard=_heard),
)
