"""A length that is too short for what follows.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

MOST = 0xFFFF


def _frame(body: bytes) -> bytes:
    return (len(body) & MOST).to_bytes(4) + body


VARIANT = Variant(
    name="counts-in-two-octets",
    sentence="Of the length of a frame only the lower two octets are told.",
    where="app",
    on=("tcp",),
    kills="TC-01",
    because=("frames whose length is that of a message",),
    seams=Seams(frame=_frame),
)
