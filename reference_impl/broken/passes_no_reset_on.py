"""A connection that was torn in front of a server which never hears of it.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Relay
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

UNHEARD_S = 30.0  # longer than anybody watches

VARIANT = Variant(
    name="passes-no-reset-on",
    sentence="What stands in front of a gRPC server reads on for half a minute when a client has torn its connection.",
    where="app",
    on=("grpc",),
    kills="CN-11",
    because=("items in", "after the client had left"),
    seams=Seams(relay=Relay(unheard_s=UNHEARD_S)),
)
