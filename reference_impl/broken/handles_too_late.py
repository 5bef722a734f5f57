"""A handler that is called when all is over.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant


def _always(stream: object) -> bool:
    return True


VARIANT = Variant(
    name="handles-too-late",
    sentence="A handler is called although its stream has ended before.",
    where="stream",
    on=("inprocess", "ndjson"),
    kills="DL-07",
    because=("no handler is called once the time is up", "it was called"),
    not_over={"grpc": "grpcio ends a call that is too late, and begins no handler"},
    seams=Seams(parts=Parts(begins=_always)),
)
