"""A bracket that hides a failure.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import json_array
from streamspec.reference_impl.frame import Completed, Failed, Frame
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _encoder() -> Encode:
    good = json_array.encoder()

    def encode(frame: Frame) -> bytes:
        return good(Completed() if isinstance(frame, Failed) else frame)

    return encode


VARIANT = Variant(
    name="closes-after-failure",
    sentence="An array whose stream failed is closed like any other, without an error in it.",
    where="app",
    on=("json_array",),
    kills="CJ-04",
    because=("a closed array, as after success",),
    seams=Seams(bindings=(replace(json_array.BINDING, encoder=_encoder),)),
)
