"""Lines without anything in them.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _encode(frame: Frame) -> bytes:
    line = ndjson.encode(frame)
    return line + b"\n" if isinstance(frame, Item) else line


VARIANT = Variant(
    name="empty-lines",
    sentence="An empty line follows each record.",
    where="app",
    on=("ndjson",),
    kills="ND-13",
    because=("a line is empty",),
    seams=Seams(bindings=(ndjson.BINDING.encoded(_encode),)),
)
