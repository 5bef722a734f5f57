"""Chunks for those who do not know what a chunk is.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import rawhttp
from streamspec.reference_impl.seams import Seams, Wire
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers


def _head(headers: Headers) -> bytes:
    return rawhttp.head(200, *headers, ("transfer-encoding", "chunked"), ("connection", "close"))


VARIANT = Variant(
    name="chunks-for-everybody",
    sentence="A request in HTTP/1.0 is answered in chunks, as any other.",
    where="wire",
    on=("sse", "ndjson", "json_array"),
    kills="CJ-11",
    because=("Transfer-Encoding: chunked",),
    seams=Seams(wire=Wire(head=_head, frame=rawhttp.chunk, last=b"0\r\n\r\n")),
)
