"""An element that is closed by the next one.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import json_array
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _encoder() -> Encode:
    good, owed = json_array.encoder(), b""

    def encode(frame: Frame) -> bytes:
        nonlocal owed
        ahead, piece = owed, good(frame)
        owed = b"}" if isinstance(frame, Item) else b""
        return ahead + (piece.removesuffix(b"}") if owed else piece)

    return encode


VARIANT = Variant(
    name="closes-its-braces-late",
    sentence="An element's brace is written only together with what follows it.",
    where="app",
    on=("json_array",),
    kills="CJ-05",
    because=("before the second", "as every time"),
    seams=Seams(bindings=(replace(json_array.BINDING, encoder=_encoder),)),
)
