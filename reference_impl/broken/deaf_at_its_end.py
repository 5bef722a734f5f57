"""An end behind which nobody listens.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from streamspec.reference_impl.disconnects import DEAF_S
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

_END = '"type":"stream:end"'


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        ended = asyncio.Event()

        async def deaf_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and ended.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), DEAF_S)
            return message

        async def noted_send(message: Message) -> None:
            if _END in (message.get("text") or ""):
                ended.set()
            await send(message)

        await app(scope, deaf_receive, noted_send)

    return mount


VARIANT = Variant(
    name="deaf-at-its-end",
    sentence="When a stream has completed, nothing more is read of its WebSocket.",
    where="app",
    on=("ws",),
    kills="DR-06",
    because=("what is said behind the end is dropped, or refused", "the connection still stands"),
    seams=Seams(around_sockets=_around),
)
