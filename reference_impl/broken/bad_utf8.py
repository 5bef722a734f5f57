"""A byte that is no UTF-8.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

SPOILT = 2


def _encode(frame: Frame) -> bytes:
    block = sse.encode(frame)
    if isinstance(frame, Item) and frame.n == SPOILT:
        # Inside the text's quotes, so that whoever replaces the byte still has one JSON text.
        return block.replace("№".encode(), b"\xff")
    return block


VARIANT = Variant(
    name="bad-utf8",
    sentence="The second item's text has a lone 0xFF byte in it.",
    where="app",
    kills="SSE-03",
    because=("UTF-8", "0xff"),
    also={"SSE-24": "data that cannot be decoded is no JSON text, if it is judged before bytes are replaced"},
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
