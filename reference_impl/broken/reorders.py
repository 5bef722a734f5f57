"""Two neighbours change places.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

EARLY = 2  # not the first one, which prompt consumers wait for


def _rewrite() -> Rewrite:
    held: tuple[Frame, ...] = ()

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        nonlocal held
        if isinstance(frame, Item) and frame.n == EARLY:
            held = (frame,)
            return ()
        late, held = held, ()
        return (frame, *late) if isinstance(frame, Item) else (*late, frame)

    return rewrite


VARIANT = Variant(
    name="reorders",
    sentence="The third item comes before the second.",
    where="app",
    kills="OI-01",
    because=("3, then 2",),
    seams=Seams(rewrite=_rewrite),
)
