"""One disconnect that takes the others along.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _around(app: Asgi) -> Asgi:
    open_streams: set[asyncio.Task[None]] = set()

    async def endless(scope: Message, receive: Receive, send: Send) -> None:
        async def noting_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                for other in open_streams - {mine}:
                    other.cancel()
            return message

        async def run() -> None:
            await app(scope, noting_receive, send)

        mine = asyncio.create_task(run())
        open_streams.add(mine)
        try:
            # `wait`, because a sibling's cancel must end this response in its middle, not this task.
            await asyncio.wait({mine})
        finally:
            open_streams.discard(mine)
            mine.cancel()
        if not mine.cancelled():
            mine.result()

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        await (endless if scope["path"].endswith("/endless") else app)(scope, receive, send)

    return mount


VARIANT = Variant(
    name="cancels-siblings",
    sentence="When one client leaves an endless stream, all the other endless streams end abruptly.",
    where="app",
    kills="CN-21",
    because=("ended when its neighbour left",),
    seams=Seams(around=_around),
)
