"""An idle producer that waits for nobody.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.disconnects import DEAF_S
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

ITEM = b'"n":'  # a heartbeat is the framework's, and nobody asks what became of it


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        gone = False

        async def late_receive() -> Message:
            nonlocal gone
            message = await receive()
            if message["type"] == "http.disconnect":
                gone = True
                await asyncio.sleep(DEAF_S)
            return message

        async def refusing_send(message: Message) -> None:
            if gone and ITEM in message.get("body", b""):
                raise OSError("the client has gone")  # as ASGI 2.4 says it
            await send(message)

        await app(scope, late_receive, refusing_send)

    return mount


VARIANT = Variant(
    name="tells-only-senders",
    sentence="That its client has left a producer learns only when it sends; an idle one not for minutes.",
    where="app",
    on=("json_array",),
    kills="CN-02",
    because=("tells of none of them",),
    seams=Seams(around=_around),
)
