"""Ids that two items share.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _encode(frame: Frame) -> bytes:
    if isinstance(frame, Item) and not frame.bare and frame.n > 1:
        return sse.event(payload.of(frame), id=str(frame.n - frame.n % 2))
    return sse.encode(frame)


VARIANT = Variant(
    name="repeats-ids",
    sentence="Every second item has the id of the one before it.",
    where="app",
    kills="RC-11",
    because=("an id once", "id 2 again"),
    also={
        "RC-02": "who was cut behind an item with another's id gets it again",
    },
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
