"""Words as they were meant.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

UNENCODED = " (100 %)"


def _unencoded(head: Head) -> Fields:
    return tuple((name, value + UNENCODED if name == "grpc-message" else value) for name, value in head.fields)


VARIANT = Variant(
    name="encodes-no-message",
    sentence="The message of a failure over gRPC is not percent-encoded.",
    where="app",
    on=("grpc",),
    kills="GR-12",
    because=("grpc-message is not percent-encoded",),
    seams=Seams(relay=Relay(of_fields(_unencoded))),
)
