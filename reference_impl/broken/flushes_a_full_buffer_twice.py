"""A buffer that is written when it is full, and again at the end of what filled it.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Final

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

BUFFER_BYTES: Final = 4_096


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        # One octet less, and it is not full; one more, and something is left for the end.
        fills = isinstance(frame, Item) and len(frame.text.encode()) == BUFFER_BYTES
        return (frame, frame) if fills else (frame,)

    return rewrite


VARIANT = Variant(
    name="flushes-a-full-buffer-twice",
    sentence=f"An item whose JSON has exactly {BUFFER_BYTES} octets is sent twice.",
    where="app",
    kills="OI-03",
    because=("once", "again"),
    also={
        "SC-03": "more comes than its witness has counted",
        "DR-01": "more comes than was sent",
    },
    on=("sse", "ndjson"),
    seams=Seams(rewrite=_rewrite),
    by="fuzz",
)
