"""A total that is none.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Begun, Frame
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        if isinstance(frame, Begun) and frame.total is not None:
            return (Begun(frame.total + 1),)
        return (frame,)

    return rewrite


VARIANT = Variant(
    name="announces-too-many",
    sentence="The metadata announce one record more than there will be.",
    where="app",
    on=("guide",),
    kills="OI-11",
    because=("totalRecords 26", "23 records and 2 errors"),
    seams=Seams(rewrite=_rewrite),
)
