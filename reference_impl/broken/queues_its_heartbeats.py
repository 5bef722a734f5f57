"""Signs of life, and when there were none.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.frame import Frame, Heartbeat, Item
from streamspec.reference_impl.seams import Deliver, Seams
from streamspec.reference_impl.variant import Variant

EVERY_S = 0.05


def _deliver(deliver: Deliver) -> Deliver:
    async def queueing(frame: Frame) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await deliver(frame)
        if isinstance(frame, Item):
            for _ in range(int((loop.time() - began_s) / EVERY_S)):
                await deliver(Heartbeat())

    return queueing


VARIANT = Variant(
    name="queues-its-heartbeats",
    sentence="A client that has kept a write waiting is sent every heartbeat that was due meanwhile.",
    where="app",
    on=("ndjson",),
    kills="BP-19",
    because=("heartbeats among the items that waited", "a few heartbeats at most"),
    seams=Seams(deliver=_deliver),
)
