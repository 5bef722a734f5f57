"""One item twice.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

DOUBLED = 2


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return (frame, frame) if isinstance(frame, Item) and frame.n == DOUBLED else (frame,)

    return rewrite


VARIANT = Variant(
    name="duplicates",
    sentence="The second item comes twice.",
    where="app",
    kills="OI-03",
    because=("item 2 again",),
    also={
        "OI-01": "a repeated number does not rise, if order is judged as strictly rising",
        "OI-02": "one item more than was sent arrives, if items and not numbers are counted",
        "ER-04": "one item more than was sent comes before the error, if items are counted",
    },
    seams=Seams(rewrite=_rewrite),
)
