"""Content codings: what a client takes, and gzip so that each piece can be read as soon as it has come (RFC 9110 8.4).

Never here: what a piece holds, or HTTP.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers

GZIP_HEADERS: Headers = (("content-encoding", "gzip"), ("vary", "accept-encoding"))
_GZIP_WINDOW = 31  # the largest window, and 16 for gzip's own head and trailer


class Code(Protocol):
    """One stream's coding: the next octets of the coded body. Called once with `last`, unless the stream is cut."""

    def __call__(self, piece: bytes, *, last: bool) -> bytes: ...


def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named, and not only to be refused. A `*` names nothing: identity stays what it asks for."""
    for offered in accept_encoding.split(","):
        token, _, parameters = offered.partition(";")
        if token.strip().lower() in {"gzip", "x-gzip"}:
            return not _is_refused(parameters)
    return False


def _is_refused(parameters: str) -> bool:
    name, _, weight = parameters.partition("=")
    return name.strip().lower() == "q" and weight.strip().rstrip("0").rstrip(".") in {"", "0"}


def identity(piece: bytes, *, last: bool) -> bytes:
    return piece


def gzip() -> Code:
    """Every piece ends with a sync flush, so that a reader has all of it before there is a next one (SSE-08)."""
    deflate = zlib.compressobj(wbits=_GZIP_WINDOW)

    def code(piece: bytes, *, last: bool) -> bytes:
        coded = deflate.compress(piece)
        return coded + deflate.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    return code
