"""Two lengths for one body.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.bindings import rawhttp, sse
from streamspec.reference_impl.seams import Seams, Wire
from streamspec.reference_impl.variant import Variant

# Both on every role: an endless stream has no end that a length alone could contradict. The chunks are right,
# and they decide (RFC 9112 6.3), so nothing else goes wrong.
HEADERS = (
    *sse.HEADERS,
    ("content-length", "1048576"),
    ("transfer-encoding", "chunked"),
    ("connection", "close"),
)

VARIANT = Variant(
    name="wrong-length",
    sentence="A chunked response also has a Content-Length, and a wrong one.",
    where="wire",
    kills="SSE-13",
    because=("Content-Length and Transfer-Encoding",),
    seams=Seams(wire=Wire(head=rawhttp.head(200, *HEADERS), frame=rawhttp.chunk, last=b"0\r\n\r\n")),
)
