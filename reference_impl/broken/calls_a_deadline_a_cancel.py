"""A status that puts the blame on the client.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.grpc_parts import Relay, of_fields
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.grpc_parts import Fields, Head

DEADLINE_EXCEEDED: Final = ("grpc-status", "4")
CANCELLED: Final = ("grpc-status", "1")


def _cancelled(head: Head) -> Fields:
    return tuple(CANCELLED if pair == DEADLINE_EXCEEDED else pair for pair in head.fields)


VARIANT = Variant(
    name="calls-a-deadline-a-cancel",
    sentence="A call over gRPC whose time is up ends with the status CANCELLED.",
    where="app",
    on=("grpc",),
    kills="DL-01",
    because=("is told TIMED_OUT", "CANCELLED"),
    seams=Seams(relay=Relay(of_fields(_cancelled))),
)
