"""Data that only looks like JSON.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

SPOILT = 2


def _encode(frame: Frame) -> bytes:
    if isinstance(frame, Item) and frame.n == SPOILT:
        # NaN, and not something wilder: many parsers read it and still find the number that counts.
        return sse.event(f'{{"n":{frame.n},"text":NaN}}', id=str(frame.n))
    return sse.encode(frame)


VARIANT = Variant(
    name="not-json",
    sentence="The second item's data has a NaN in it, which RFC 8259 does not know.",
    where="app",
    kills="SSE-24",
    because=("RFC 8259",),
    also={
        "OI-02": "a strict parser cannot read the second item's number and misses it",
        "ER-04": "the same before an error",
        "SSE-05": "of the texts, too, the second has become a JSON object",
    },
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
