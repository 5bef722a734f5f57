"""A compressor with a hole.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl import coding
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

LOST = 3


def _code() -> coding.Code:
    good, pieces = coding.gzip(), 0

    def code(piece: bytes, *, last: bool) -> bytes:
        nonlocal pieces
        pieces += 1
        return good(b"" if pieces == LOST else piece, last=last)

    return code


VARIANT = Variant(
    name="loses-under-gzip",
    sentence="Under gzip the third piece of every body is lost.",
    where="app",
    on=("ndjson",),
    kills="OI-13",
    because=("24 items", "from item 2 on"),
    because_over={"json_array": ("24 items",)},
    seams=Seams(code=_code),
)
