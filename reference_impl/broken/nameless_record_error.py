"""A failed record that no program can tell from another.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import guide
from streamspec.reference_impl.frame import Frame, RecordFailed
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _encoder() -> Encode:
    good = guide.encoder()

    def encode(frame: Frame) -> bytes:
        line = good(frame)  # asked even where its answer is not used: it counts
        if isinstance(frame, RecordFailed):
            return guide.record("error", message=frame.message, recordId=f"item-{frame.n}")
        return line

    return encode


VARIANT = Variant(
    name="nameless-record-error",
    sentence="The record of a failed item has a message and no code.",
    where="app",
    on=("guide",),
    kills="ND-09",
    because=("a machine-readable code in the record",),
    seams=Seams(bindings=(replace(guide.BINDING, encoder=_encoder),)),
)
