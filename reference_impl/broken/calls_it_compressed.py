"""A flag for what nobody did.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _retell() -> Retell:
    first = True

    def retell(part: Part) -> tuple[Part, ...]:
        nonlocal first
        if isinstance(part, Head) or not part.octets or not first:
            return (part,)
        first = False
        return (Data(b"\1" + part.octets[1:], part.ends),)

    return retell


VARIANT = Variant(
    name="calls-it-compressed",
    sentence="A message over gRPC that is not compressed is flagged as if it were, and no encoding is named.",
    where="app",
    on=("grpc",),
    kills="GR-02",
    because=("there is no grpc-encoding",),
    seams=Seams(relay=Relay(_retell)),
)
