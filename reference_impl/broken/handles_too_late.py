"""A handler that is called when all is over.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_hearing import without_timeouts
from streamspec.reference_impl.grpc_parts import Relay
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
    # grpcio itself begins no handler for a call that it knows to be too late.
    seams=Seams(parts=Parts(begins=_always), relay=Relay(hear=without_timeouts("0m"))),
)
