"""A message behind the end.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl import grpc_text
from streamspec.reference_impl.grpc_parts import Data, Head, Part, Relay, Retell, message
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

TOO_LATE = message(grpc_text.encoded('"too late"'))


def _retell() -> Retell:
    def retell(part: Part) -> tuple[Part, ...]:
        is_success = isinstance(part, Head) and ("grpc-status", "0") in part.fields
        return (part, Data(TOO_LATE)) if is_success else (part,)

    return retell


VARIANT = Variant(
    name="talks-behind-its-status",
    sentence="One more message of a stream over gRPC follows the status that ended it.",
    where="app",
    on=("grpc",),
    kills="LC-02",
    because=("nothing after the terminal", "behind its END_STREAM", "DATA"),
    seams=Seams(relay=Relay(_retell)),
)
