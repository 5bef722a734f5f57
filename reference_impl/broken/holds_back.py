"""A writer one item behind.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    held: tuple[Frame, ...] = ()

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal held
        if isinstance(frame, Item):
            late, held = held, (frame,)
            return late
        return (*held, frame)

    return rewrite


VARIANT = Variant(
    name="holds-back",
    sentence="Each item is written only when the next one, or the end, has come.",
    where="app",
    kills="SSE-08",
    because=("before the second", "as every time"),
    seams=Seams(rewrite=_rewrite),
)
