"""A name for what is too large.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

TOO_LARGE = ("grpc-status", "8")  # RESOURCE_EXHAUSTED
INTERNAL = ("grpc-status", "13")


def _internal(head: Head) -> Fields:
    return tuple(INTERNAL if field == TOO_LARGE else field for field in head.fields)


VARIANT = Variant(
    name="calls-too-large-internal",
    sentence="What is too large for a server over gRPC fails with INTERNAL.",
    where="app",
    on=("grpc",),
    kills="GR-10",
    because=("RESOURCE_EXHAUSTED", "INTERNAL"),
    also={"ER-02": "a script that fails with that code is told another as well"},
    seams=Seams(relay=Relay(of_fields(_internal))),
)
