"""A byte order mark.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.frame import Begun, Frame
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

MARK = "\ufeff".encode()


def _encode(frame: Frame) -> bytes:
    return MARK if isinstance(frame, Begun) else ndjson.encode(frame)


VARIANT = Variant(
    name="marks-its-bytes",
    sentence="The body begins with a byte order mark.",
    where="app",
    on=("ndjson",),
    kills="ND-03",
    because=("stands at the start of a line",),
    seams=Seams(bindings=(ndjson.BINDING.encoded(_encode),)),
)
