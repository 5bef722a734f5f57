"""Metadata behind the first record.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Begun, Frame
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    late: tuple[Frame, ...] = ()

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal late
        if isinstance(frame, Begun):
            late = (frame,)
            return ()
        held, late = late, ()
        return (frame, *held)

    return rewrite


VARIANT = Variant(
    name="introduces-itself-late",
    sentence="The metadata come behind the first record.",
    where="app",
    on=("guide",),
    kills="OI-11",
    because=("the total before the first record",),
    seams=Seams(rewrite=_rewrite),
)
