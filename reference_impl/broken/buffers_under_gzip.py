"""A compressor that waits until it is worth its while.

Never here: a second defect.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.coding import Code


def _code() -> Code:
    deflate = zlib.compressobj(wbits=31)

    def code(piece: bytes, *, last: bool) -> bytes:
        coded = deflate.compress(piece)
        return coded + deflate.flush() if last else coded

    return code


VARIANT = Variant(
    name="buffers-under-gzip",
    sentence="Under gzip nothing is flushed before the end.",
    where="app",
    kills="SSE-08",
    because=("under a content coding", "in time without"),
    seams=Seams(code=_code),
)
