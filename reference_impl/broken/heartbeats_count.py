"""Signs of life that look like items.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Frame, Heartbeat, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    latest = 0

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal latest
        if isinstance(frame, Heartbeat):
            latest += 1
            return (Item(latest, "heartbeat"),)
        if isinstance(frame, Item):
            latest = frame.n
        return (frame,)

    return rewrite


VARIANT = Variant(
    name="heartbeats-count",
    sentence="A heartbeat is sent as an item, with the next number of its own.",
    where="app",
    kills="HB-02",
    because=("further items in the rhythm of its heartbeats",),
    seams=Seams(rewrite=_rewrite),
)
