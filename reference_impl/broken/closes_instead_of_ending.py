"""An end of the connection in the place of the end of a stream.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

END = '"type":"stream:end"'


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        closed = False

        async def closing_send(message: Message) -> None:
            nonlocal closed
            if closed:
                return
            if END in (message.get("text") or ""):
                closed = True
                message = {"type": "websocket.close", "code": 1000}
            await send(message)

        await app(scope, receive, closing_send)

    return mount


VARIANT = Variant(
    name="closes-instead-of-ending",
    sentence="Where a stream ends well, its connection is closed with 1000, and nothing is said of the stream.",
    where="app",
    on=("ws",),
    kills="WS-02",
    because=("its end, before the connection is closed", "1000"),
    also={"WS-04": "what we said is not seen to be heard, where the end is missing"},
    seams=Seams(around_sockets=_around),
)
