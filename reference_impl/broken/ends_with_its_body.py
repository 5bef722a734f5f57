"""A body that is all there is.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _retell() -> Retell:
    def retell(part: Part) -> tuple[Part, ...]:
        is_trailers = isinstance(part, Head) and part.ends and not any(name == ":status" for name, _ in part.fields)
        return (Data(b"", ends=True),) if is_trailers else (part,)

    return retell


VARIANT = Variant(
    name="ends-with-its-body",
    sentence="A stream over gRPC ends with its last message, and no trailers follow.",
    where="app",
    on=("grpc",),
    kills="GR-01",
    because=("ended whole, and no grpc-status",),
    seams=Seams(relay=Relay(_retell)),
)
