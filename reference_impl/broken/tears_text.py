"""A text that is written as if it were one line.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _encode(frame: Frame) -> bytes:
    if isinstance(frame, Item) and frame.bare:
        return f"id: {frame.n}\ndata: {frame.text}\n\n".encode()
    return sse.encode(frame)


VARIANT = Variant(
    name="tears-text",
    sentence="A text with line ends is written behind one data field, so that its further lines are lost.",
    where="app",
    kills="SSE-05",
    because=("the text number 2",),
    also={
        "SSE-06": "its further lines are fields that nobody knows",
    },
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
