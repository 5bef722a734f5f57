"""A stream whose end says nothing.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _without_status(head: Head) -> Fields:
    return tuple((name, value) for name, value in head.fields if name != "grpc-status")


VARIANT = Variant(
    name="gives-no-status",
    sentence="A stream over gRPC ends without its status.",
    where="app",
    on=("grpc",),
    kills="GR-01",
    because=("ended whole, and no grpc-status",),
    seams=Seams(relay=Relay(of_fields(_without_status))),
)
