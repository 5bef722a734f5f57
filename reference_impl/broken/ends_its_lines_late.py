"""A line that is ended by the next one.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Encode


def _encoder() -> Encode:
    owed = b""

    def encode(frame: Frame) -> bytes:
        nonlocal owed
        if isinstance(frame, Begun):
            return ndjson.encode(frame)
        ahead, owed = owed, b"\n"
        line = ahead + ndjson.encode(frame).removesuffix(b"\n")
        return line + b"\n" if isinstance(frame, Completed | Failed) else line

    return encode


VARIANT = Variant(
    name="ends-its-lines-late",
    sentence="A record's line feed is written only together with the next record.",
    where="app",
    on=("ndjson",),
    kills="ND-10",
    because=("before the second", "as every time"),
    seams=Seams(bindings=(replace(ndjson.BINDING, encoder=_encoder),)),
)
