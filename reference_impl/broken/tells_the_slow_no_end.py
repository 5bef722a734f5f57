"""An end that slow clients are not told.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.frame import Completed, Failed, Frame
from streamspec.reference_impl.seams import Deliver, Seams
from streamspec.reference_impl.variant import Variant

STALL_S = 0.2


def _deliver(deliver: Deliver) -> Deliver:
    was_slow = False

    async def forgetting(frame: Frame) -> None:
        nonlocal was_slow
        if was_slow and isinstance(frame, Completed | Failed):
            await asyncio.Event().wait()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await deliver(frame)
        was_slow = was_slow or loop.time() - began_s > STALL_S

    return forgetting


VARIANT = Variant(
    name="tells-the-slow-no-end",
    sentence="A client that has kept a write waiting is sent every item, and no end.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="LC-12",
    because=("the end at the next read, though nobody read when it came", "no answer, every time"),
    also={
        "BP-21": "that a send had waited for too long is not told either",
    },
    seams=Seams(deliver=_deliver),
)
