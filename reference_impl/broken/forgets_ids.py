"""Items that nobody can go on behind.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _encode(frame: Frame) -> bytes:
    if isinstance(frame, Item) and not frame.bare and frame.n % 2 == 0:
        return sse.event(payload.of(frame))
    return sse.encode(frame)


VARIANT = Variant(
    name="forgets-ids",
    sentence="Every second item has no id.",
    where="app",
    kills="RC-11",
    because=("an id on every event", "without one"),
    also={
        "RC-02": "who was cut behind an item without an id gets it again",
    },
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
