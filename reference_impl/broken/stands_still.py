"""Housekeeping on the event loop: while it is done, nobody is served.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

STILL_S: Final = 0.5
EVERY_S: Final = 5.0
BUSY: Final = 50  # requests since the last time; with fewer there is nothing to keep


def _around(app: Asgi) -> Asgi:
    asked = 0
    waits = False

    def keep_house() -> None:
        nonlocal asked, waits
        busy, asked = asked >= BUSY, 0
        waits = busy
        if busy:  # from one beginning to the next, so that it is a tenth of the time
            asyncio.get_running_loop().call_later(EVERY_S, keep_house)
            time.sleep(STILL_S)

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal asked, waits
        asked += scope["type"] == "http"
        if asked and not waits:
            waits = True
            asyncio.get_running_loop().call_later(EVERY_S, keep_house)
        await app(scope, receive, send)

    return mount


VARIANT = Variant(
    name="stands-still",
    sentence="A busy server stands still for half a second in every five, with all its streams.",
    where="app",
    kills="ttfe.p99",
    because=("ttfe.p99 is",),
    by="load",
    seams=Seams(around=_around),
)
