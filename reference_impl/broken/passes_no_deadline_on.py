"""A deadline that gets stuck on its way.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_hearing import without_timeouts
from streamspec.reference_impl.grpc_parts import Relay
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="passes-no-deadline-on",
    sentence="What stands in front of a gRPC server does not pass on until when a client waits.",
    where="app",
    on=("grpc",),
    kills="BP-16",
    because=("two that wait for each other are told that their time is up", "neither has moved"),
    also={
        "BP-10": "a send that waits for room waits on",
        "DL-01": "no client is told that its time is up",
        "DL-03": "nor can it see how much is left",
        "DL-05": "nor when it waits for room",
        "DL-07": "and one is called that comes too late",
    },
    seams=Seams(relay=Relay(hear=without_timeouts())),
)
