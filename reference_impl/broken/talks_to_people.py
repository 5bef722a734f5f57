"""Lines that are no records.

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
    # Ahead of the record, which is whole: nothing is lost but the line.
    return b"# item 2 follows\n" + line if isinstance(frame, Item) and frame.n == SPOILT else line


VARIANT = Variant(
    name="talks-to-people",
    sentence="Before the second record stands a line for people, which is no JSON.",
    where="app",
    on=("ndjson",),
    kills="ND-01",
    because=("not one RFC 8259 text",),
    seams=Seams(bindings=(ndjson.BINDING.encoded(_encode),)),
)
