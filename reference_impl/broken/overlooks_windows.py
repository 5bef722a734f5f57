"""A sender that does not count.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.grpc_parts import Relay
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

MORE = 262_144

VARIANT = Variant(
    name="overlooks-windows",
    sentence="Over HTTP/2 more is sent on a stream than its client's window allows.",
    where="app",
    on=("grpc",),
    kills="BP-20",
    because=("more was sent than the flow-control window allows",),
    seams=Seams(relay=Relay(window_bytes=MORE)),
)
