"""A heartbeat that was promised.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.frame import Frame, Heartbeat
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return () if isinstance(frame, Heartbeat) else (frame,)

    return rewrite


VARIANT = Variant(
    name="silent-heart",
    sentence="No heartbeat is ever sent.",
    where="app",
    kills="HB-01",
    because=("silence, for", "every time"),
    seams=Seams(rewrite=_rewrite),
)
