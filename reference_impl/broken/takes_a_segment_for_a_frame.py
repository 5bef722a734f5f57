"""A length that has to come in one piece.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

LENGTH_BYTES = 4
TOO_LONG = b"\xff" * LENGTH_BYTES


def _heard(octets: bytes) -> bytes:
    return octets if len(octets) >= LENGTH_BYTES else TOO_LONG


VARIANT = Variant(
    name="takes-a-segment-for-a-frame",
    sentence="A segment that is shorter than a length ends its connection.",
    where="app",
    on=("tcp",),
    kills="TC-02",
    because=("1 echoed", "an end"),
    also={"TC-07": "one that is cut inside its length is not read either"},
    seams=Seams(heard=_heard),
)
