"""A buffer that is as large as it is.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

ROOM = 16_384
CLOSED = '"}'  # what is cut is JSON all the same, or its reader would see it at once


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        if isinstance(frame, Item) and frame.json and len(frame.text) > ROOM and frame.text.endswith(CLOSED):
            return (replace(frame, text=frame.text[: ROOM - len(CLOSED)] + CLOSED),)
        return (frame,)

    return rewrite


VARIANT = Variant(
    name="cuts-at-16-kib",
    sentence="An item of more than 16 KiB is cut to that.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="OI-07",
    because=("an item of 16385 octets", "16384 octets"),
    seams=Seams(rewrite=_rewrite),
)
