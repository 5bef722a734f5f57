"""A look at whether there are credentials, and none at what they are.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.routing import header
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers


def _admits(_right: bool, headers: Headers) -> bool:  # noqa: FBT001 -- the seam's shape
    return bool(header(headers, "authorization"))


VARIANT = Variant(
    name="takes-any-token",
    sentence="Whoever brings a token is let in, whatever it is.",
    where="app",
    kills="AU-01",
    because=("no stream for credentials that nobody has", "status 200"),
    also={"AU-03": "any token resumes as well"},
    because_over=dict.fromkeys(("ws", "tcp"), ("no stream for credentials that nobody has", "and items")),
    seams=Seams(admits=_admits),
)
