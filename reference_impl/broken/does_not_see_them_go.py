"""Clients that close their connection, and handlers that are not told.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
import contextlib

from streamspec.reference_impl.disconnects import DEAF_S, Few
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

START = '"type":"stream:start"'


def _around(app: Asgi) -> Asgi:
    few = Few()

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        streams = 0

        async def late_receive() -> Message:
            nonlocal streams
            message = await receive()
            streams += START in (message.get("text") or "")
            if message["type"] == "websocket.disconnect" and streams > 1:
                with few.one_more() as room:
                    await asyncio.sleep(DEAF_S if room else 0)
            return message

        async def heedless_send(message: Message) -> None:
            with contextlib.suppress(OSError):
                await send(message)

        await app(scope, late_receive, heedless_send)

    return mount


VARIANT = Variant(
    name="does-not-see-them-go",
    sentence="When a WebSocket with several streams is closed, their handlers learn of it minutes later.",
    where="app",
    on=("ws",),
    kills="WS-07",
    because=("each handler of a connection that is closed cleans up", "had not"),
    seams=Seams(around_sockets=_around),
)
