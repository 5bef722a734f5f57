"""A chunk size that is no hexadecimal number.

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


# In the last chunk, where every item and the terminal have been delivered: whether a reader takes it for the
# end or for garbage, it has lost nothing.
VARIANT = Variant(
    name="bad-chunks",
    sentence="The last chunk's size is written 0x0.",
    where="wire",
    on=("sse", "ndjson", "json_array"),
    kills="CJ-02",
    because=("chunk size", "0x0"),
    also={"CJ-11": "it is chunked for clients of HTTP/1.0 as well"},
    seams=Seams(wire=Wire(head=_head, frame=rawhttp.chunk, last=b"0x0\r\n\r\n")),
)
