"""One direction that waits for the other.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        written = asyncio.Event()
        written.set()

        async def late_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                await written.wait()
            return message

        async def noted_send(message: Message) -> None:
            written.clear()
            try:
                await send(message)
            finally:
                written.set()

        await app(scope, late_receive, noted_send)

    return mount


VARIANT = Variant(
    name="reads-only-when-it-has-written",
    sentence="While a message waits to be written to a WebSocket, nothing is read of it.",
    where="app",
    on=("ws",),
    kills="DR-10",
    because=("what we say is taken, though we do not read",),
    also={"WS-07": "a Close is not read either"},
    seams=Seams(around_sockets=_around),
)
