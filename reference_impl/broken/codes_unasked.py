"""A coding that nobody asked for.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.coding import takes_gzip
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.roles import Role


def _codes(role: Role, accept_encoding: str) -> bool:
    # Not every stream: of a target that nobody can read nothing can be judged.
    return role.path == "/finite" or takes_gzip(accept_encoding)


VARIANT = Variant(
    name="codes-unasked",
    sentence="The finite stream is gzip whatever the client accepts.",
    where="app",
    on=("ndjson",),
    kills="CJ-12",
    because=("Content-Encoding: gzip",),
    seams=Seams(codes=_codes),
)
