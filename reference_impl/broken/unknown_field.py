"""Fields that clients ignore.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl import payload
from streamspec.reference_impl.bindings import sse
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _encode(frame: Frame) -> bytes:
    block = sse.encode(frame)
    if isinstance(frame, Item):
        return f"payload: {payload.of(frame)}\nretry: soon\n".encode() + block
    return block


VARIANT = Variant(
    name="unknown-field",
    sentence="Each item has a field that nobody knows and a retry that is no number.",
    where="app",
    kills="SSE-06",
    because=("field name", "payload"),
    seams=Seams(bindings=(sse.BINDING.encoded(_encode),)),
)
