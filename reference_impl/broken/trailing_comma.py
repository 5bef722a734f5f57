"""A comma with nothing behind it.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import json_array
from streamspec.reference_impl.frame import Completed, Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _encoder() -> Encode:
    good, begun = json_array.encoder(), False

    def encode(frame: Frame) -> bytes:
        nonlocal begun
        begun = begun or isinstance(frame, Item)
        return (b"," if begun and isinstance(frame, Completed) else b"") + good(frame)

    return encode


VARIANT = Variant(
    name="trailing-comma",
    sentence="A comma stands between the last element and the bracket.",
    where="app",
    on=("json_array",),
    kills="CJ-01",
    because=("separated by one comma",),
    seams=Seams(bindings=(replace(json_array.BINDING, encoder=_encoder),)),
)
