"""Frames with nothing in them.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams, framed
from streamspec.reference_impl.variant import Variant


def _frame(body: bytes) -> bytes:
    return framed(body) + framed(b"")


VARIANT = Variant(
    name="sends-empty-frames",
    sentence="Behind each frame comes an empty one.",
    where="app",
    on=("tcp",),
    kills="TC-01",
    because=("frames whose length is that of a message", "a frame has no body"),
    seams=Seams(frame=_frame),
)
