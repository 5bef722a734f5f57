"""A failure before there was anything to lose.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

INTERNAL = ("grpc-status", "13")
OK = ("grpc-status", "0")


def _retell() -> Retell:
    answered = False

    def retell(part: Part) -> tuple[Part, ...]:
        nonlocal answered
        answered = answered or isinstance(part, Data)
        if answered or not isinstance(part, Head):
            return (part,)
        return (Head(tuple(OK if field == INTERNAL else field for field in part.fields), part.ends),)

    return retell


VARIANT = Variant(
    name="overlooks-flags",
    sentence="A call over gRPC that fails with INTERNAL before its first message ends well.",
    where="app",
    on=("grpc",),
    kills="GR-13",
    because=("flagged and not encoded", "success"),
    seams=Seams(relay=Relay(_retell)),
)
