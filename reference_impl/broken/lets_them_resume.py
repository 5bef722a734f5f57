"""A door that is locked, and a back door.

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
    return right or bool(header(headers, "last-event-id"))


VARIANT = Variant(
    name="lets-them-resume",
    sentence="Whoever knows the id of an item goes on behind it, without credentials.",
    where="app",
    kills="AU-03",
    because=("no stream for", "status 200"),
    seams=Seams(admits=_admits),
)
