"""One message that nobody understands, and everybody is gone.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
import json

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _is_envelope(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and {"type", "id"} <= found.keys()


def _around(app: Asgi) -> Asgi:
    connections: set[asyncio.Task[None]] = set()

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        async def falling_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not _is_envelope(message.get("text") or ""):
                for connection in tuple(connections):
                    connection.cancel()
            return message

        async def run() -> None:
            await app(scope, falling_receive, send)

        mine = asyncio.create_task(run())
        connections.add(mine)
        try:
            # `wait`, because the fall of one connection must end each of the others, and not this task.
            await asyncio.wait({mine})
        finally:
            connections.discard(mine)
            mine.cancel()
        if mine.cancelled():
            await send({"type": "websocket.close", "code": 1011})
        else:
            mine.result()

    return mount


VARIANT = Variant(
    name="falls-over-a-message",
    sentence="A message that is no envelope ends every connection of the mount.",
    where="app",
    on=("ws",),
    kills="WS-03",
    because=("streams on other connections go on", "one ended after"),
    seams=Seams(around_sockets=_around),
)
