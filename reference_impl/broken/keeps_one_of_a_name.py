"""Metadata as a dictionary.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Fields, Head, Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _one_of_each(head: Head) -> Fields:
    return tuple(dict(head.fields).items())


VARIANT = Variant(
    name="keeps-one-of-a-name",
    sentence="Of several metadata with one name the last is kept.",
    where="app",
    on=("grpc",),
    kills="GR-09",
    because=("x-grpc-test-echo-trailing-bin", "'\\xab\\xab\\xab'"),
    seams=Seams(relay=Relay(of_fields(_one_of_each))),
)
