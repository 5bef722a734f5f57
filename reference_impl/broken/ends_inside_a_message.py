"""Half of a message, and all is well.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell, message
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

HALF = message(bytes(100))[:-50]


def _retell() -> Retell:
    def retell(part: Part) -> tuple[Part, ...]:
        is_success = isinstance(part, Head) and ("grpc-status", "0") in part.fields
        return (Data(HALF), part) if is_success else (part,)

    return retell


VARIANT = Variant(
    name="ends-inside-a-message",
    sentence="A stream over gRPC that succeeds ends with half of a message.",
    where="app",
    on=("grpc",),
    kills="GR-02",
    because=("ended inside a message", "50 of 100 octets"),
    seams=Seams(relay=Relay(_retell)),
)
