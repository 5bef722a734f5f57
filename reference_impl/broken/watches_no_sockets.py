"""A door that is locked, beside a window that is not.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.routing import header
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers


def _admits(right: bool, headers: Headers) -> bool:  # noqa: FBT001 -- the seam's shape
    return right or bool(header(headers, "sec-websocket-key"))


VARIANT = Variant(
    name="watches-no-sockets",
    sentence="Whoever comes over WebSocket is asked for nothing.",
    where="app",
    on=("ws",),
    kills="AU-04",
    because=("no stream for no credentials", "no stream for credentials that nobody has", "an item"),
    also={"AU-01": "no stream is kept from strangers there"},
    seams=Seams(admits=_admits),
)
