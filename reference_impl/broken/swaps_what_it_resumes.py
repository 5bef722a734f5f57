"""Two streams of one client that get in each other's way.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    first: int | None = None
    kept: list[Frame] = []

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal first
        if not isinstance(frame, Item):
            return (*kept, frame)
        first = frame.n if first is None else first
        if first > 1 and frame.n == first + 1:  # the second of those that are sent behind an id
            kept.append(frame)
            return ()
        out = (frame, *kept)
        kept.clear()
        return out

    return rewrite


VARIANT = Variant(
    name="swaps-what-it-resumes",
    sentence="Of a stream that goes on behind an id the second item and the third change places.",
    where="app",
    kills="RC-10",
    because=("right behind item", "got item"),
    also={"OI-01": "this is no order"},
    seams=Seams(rewrite=_rewrite),
)
