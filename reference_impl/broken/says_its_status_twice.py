"""A status, and the stream goes on.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Head, Part, Relay, Retell
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _retell() -> Retell:
    def retell(part: Part) -> tuple[Part, ...]:
        is_success = isinstance(part, Head) and ("grpc-status", "0") in part.fields
        return (Head(part.fields, ends=False), part) if is_success and isinstance(part, Head) else (part,)

    return retell


VARIANT = Variant(
    name="says-its-status-twice",
    sentence="A stream over gRPC that succeeds says its status without an end, and then once more with it.",
    where="app",
    on=("grpc",),
    kills="LC-01",
    because=("one terminal signal", "2 of them"),
    also={"LC-02": "the second status follows the first"},
    seams=Seams(relay=Relay(_retell)),
)
