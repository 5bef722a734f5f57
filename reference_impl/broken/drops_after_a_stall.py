"""A gap where the client stood still.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Deliver, Seams
from streamspec.reference_impl.variant import Variant

STALL_S = 0.5
DROPPED = 3


def _deliver(deliver: Deliver) -> Deliver:
    to_drop = 0

    async def dropping(frame: Frame) -> None:
        nonlocal to_drop
        if to_drop and isinstance(frame, Item):
            to_drop -= 1
            return
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await deliver(frame)
        if loop.time() - began_s > STALL_S:
            to_drop = DROPPED

    return dropping


VARIANT = Variant(
    name="drops-after-a-stall",
    sentence="When a client has kept a write waiting for half a second, the next three items are dropped.",
    where="app",
    on=("json_array",),
    kills="BP-07",
    because=("as without a stall",),
    seams=Seams(deliver=_deliver),
)
