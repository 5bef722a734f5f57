"""A flag that is neither.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

FLAG = 7


def _retell() -> Retell:
    first = True

    def retell(part: Part) -> tuple[Part, ...]:
        nonlocal first
        if isinstance(part, Head) or not part.octets or not first:
            return (part,)
        first = False
        return (Data(bytes((FLAG,)) + part.octets[1:], part.ends),)

    return retell


VARIANT = Variant(
    name="flags-with-a-seven",
    sentence="The first message of a stream over gRPC has the flag 7.",
    where="app",
    on=("grpc",),
    kills="GR-02",
    because=("neither 0 nor 1", "0x07"),
    seams=Seams(relay=Relay(_retell)),
)
