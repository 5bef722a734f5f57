"""A leaving under the name of something else.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.variant import Variant


def _name(refused: StreamError) -> StreamError:
    return StreamError(Code.UNAVAILABLE, refused.message) if refused.code is Code.CANCELLED else refused


VARIANT = Variant(
    name="calls-a-cancel-unavailable",
    sentence="A handler whose client left is told UNAVAILABLE.",
    where="app",
    on=("ndjson",),
    kills="CN-01",
    because=("its handler is told CANCELLED", "UNAVAILABLE"),
    seams=Seams(name=_name),
)
