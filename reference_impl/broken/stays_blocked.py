"""A write that waits for a client that has gone.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.disconnects import DEAF_S
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        waiting = stuck = False

        async def sticking_send(message: Message) -> None:
            nonlocal waiting
            waiting = True
            await send(message)
            if stuck:
                await asyncio.sleep(DEAF_S)
            waiting = False

        async def sticking_receive() -> Message:
            nonlocal stuck
            message = await receive()
            if message["type"] == "http.disconnect" and waiting:
                stuck = True
                await asyncio.sleep(DEAF_S)
            return message

        await app(scope, sticking_receive, sticking_send)

    return mount


VARIANT = Variant(
    name="stays-blocked",
    sentence="A write that waits for its client when the client leaves goes on waiting for minutes.",
    where="app",
    kills="BP-09",
    because=("still inside a send",),
    seams=Seams(around=_around),
)
