"""A cancel that gets stuck on its way.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.grpc_hearing import RST_STREAM, of_frames
from streamspec.reference_impl.grpc_parts import Relay
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.grpc_parts import Framed


def _heard() -> Callable[[Framed], bytes]:
    def heard(frame: Framed) -> bytes:
        return b"" if frame.kind == RST_STREAM else frame.octets

    return heard


VARIANT = Variant(
    name="passes-no-cancel-on",
    sentence="What stands in front of a gRPC server does not pass on that a client has cancelled a stream.",
    where="app",
    on=("grpc",),
    kills="CN-03",
    because=("nothing behind a cancel", "an item"),
    also={
        "CN-08": "items go on",
        "CN-09": "behind a half-close as well",
    },
    seams=Seams(relay=Relay(hear=of_frames(_heard))),
)
