"""One lock for all the clients.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.disconnects import is_stream
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _around(app: Asgi) -> Asgi:
    turn = asyncio.Lock()

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        async def send_in_turn(message: Message) -> None:
            async with turn:
                await send(message)

        await app(scope, receive, send_in_turn if is_stream(scope) else send)

    return mount


VARIANT = Variant(
    name="one-writes-at-a-time",
    sentence="A write holds a lock that every other stream's write needs.",
    where="app",
    on=("ndjson",),
    kills="BP-11",
    because=("not answered for", "three times out of three"),
    seams=Seams(around=_around),
)
