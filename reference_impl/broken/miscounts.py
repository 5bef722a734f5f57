"""An end that counts wrongly.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import guide
from streamspec.reference_impl.frame import Completed, Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _encoder() -> Encode:
    good, counted = guide.encoder(), 0

    def encode(frame: Frame) -> bytes:
        nonlocal counted
        counted += isinstance(frame, Item)
        if isinstance(frame, Completed):
            # Neither all records nor the good ones, whichever is meant, and no failed one.
            return guide.record("stream-end", reason="completed", processed=max(0, counted - 7), errors=0)
        return good(frame)

    return encode


VARIANT = Variant(
    name="miscounts",
    sentence="The end says that seven records fewer were processed, and that none failed.",
    where="app",
    on=("guide",),
    kills="OI-09",
    because=("23 records and 2 errors", "processed 16, errors 0"),
    seams=Seams(bindings=(replace(guide.BINDING, encoder=_encoder),)),
)
