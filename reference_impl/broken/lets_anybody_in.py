"""A door that is not locked.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers


def _admits(_right: bool, _headers: Headers) -> bool:  # noqa: FBT001 -- the seam's shape
    return True


VARIANT = Variant(
    name="lets-anybody-in",
    sentence="Credentials are asked for in its description, and by nobody else.",
    where="app",
    on=("ndjson",),
    kills="AU-01",
    because=("no stream for no credentials", "status 200"),
    also={"AU-03": "nor are they asked for again"},
    because_over=dict.fromkeys(("ws", "tcp"), ("no stream for no credentials", "and items")),
    seams=Seams(admits=_admits),
)
