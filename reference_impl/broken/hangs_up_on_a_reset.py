"""A stream that is reset, and takes its connection along.

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
        if frame.kind == RST_STREAM:
            raise ConnectionResetError("as this variant does it")
        return frame.octets

    return heard


VARIANT = Variant(
    name="hangs-up-on-a-reset",
    sentence="Whoever resets one stream of a connection of HTTP/2 loses the connection, and every other stream on it.",
    where="app",
    on=("grpc",),
    kills="CN-14",
    because=("a neighbour untouched by the cancel", "it ended"),
    also={"CN-21": "a sibling on the same connection ends as well"},
    seams=Seams(relay=Relay(hear=of_frames(_heard))),
)
