"""Numbers of two digits.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _padded(head: Head) -> Fields:
    return tuple((name, value.zfill(2) if name == "grpc-status" else value) for name, value in head.fields)


VARIANT = Variant(
    name="pads-its-status",
    sentence="A status over gRPC has two digits, the first of them 0.",
    where="app",
    on=("grpc",),
    kills="GR-12",
    because=("no plain decimal number", "'00'"),
    seams=Seams(relay=Relay(of_fields(_padded))),
)
