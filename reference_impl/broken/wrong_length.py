"""Two lengths for one body.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import rawhttp
from streamspec.reference_impl.seams import Seams, Wire
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers

# Both on every role: an endless stream has no end that a length alone could contradict. The chunks are right,
# and they decide (RFC 9112 6.3), so nothing else goes wrong.
FIELDS = (("content-length", "1048576"), ("transfer-encoding", "chunked"), ("connection", "close"))


def _head(headers: Headers) -> bytes:
    return rawhttp.head(200, *headers, *FIELDS)


VARIANT = Variant(
    name="wrong-length",
    sentence="A chunked response also has a Content-Length, and a wrong one.",
    where="wire",
    on=("sse", "ndjson", "json_array"),
    kills="SSE-13",
    because=("Content-Length and Transfer-Encoding",),
    also={"CJ-11": "it is chunked for clients of HTTP/1.0 as well"},
    seams=Seams(wire=Wire(head=_head, frame=rawhttp.chunk, last=b"0\r\n\r\n")),
)
