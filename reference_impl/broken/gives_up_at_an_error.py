"""One record that ends them all.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Completed, Frame, RecordFailed
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    over = False

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal over
        if over:
            return ()
        over = isinstance(frame, RecordFailed)
        return (frame, Completed()) if over else (frame,)

    return rewrite


VARIANT = Variant(
    name="gives-up-at-an-error",
    sentence="The first record that fails is the last one, and the stream ends as completed.",
    where="app",
    on=("guide",),
    kills="OI-10",
    because=("the records behind the one that failed", "the end, after 10 of 25"),
    seams=Seams(rewrite=_rewrite),
)
