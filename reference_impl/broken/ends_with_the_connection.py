"""A body whose end is the connection's.

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
    return rawhttp.head(200, *headers, ("connection", "close"))


def _as_it_is(piece: bytes) -> bytes:
    return piece


VARIANT = Variant(
    name="ends-with-the-connection",
    sentence="The body is neither chunked nor of a known length: it ends when the connection closes.",
    where="wire",
    on=("ndjson", "json_array"),
    kills="CJ-09",
    because=("a body that ends with its connection",),
    seams=Seams(wire=Wire(head=_head, frame=_as_it_is, last=b"")),
)
