"""A byte that is no UTF-8, in a line.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

SPOILT = 2


def _encode(frame: Frame) -> bytes:
    line = ndjson.encode(frame)
    # Inside the text's quotes, so that whoever replaces the byte still has one JSON text.
    return line.replace("№".encode(), b"\xff") if isinstance(frame, Item) and frame.n == SPOILT else line


VARIANT = Variant(
    name="mixes-charsets",
    sentence="The second record's text has a lone 0xFF byte in it.",
    where="app",
    on=("ndjson",),
    kills="ND-03",
    because=("a line is not valid UTF-8",),
    seams=Seams(bindings=(ndjson.BINDING.encoded(_encode),)),
)
