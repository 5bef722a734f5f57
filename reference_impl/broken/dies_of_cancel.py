"""One disconnect too many.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

BODY = b"out of order\n"
HEADERS = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(BODY)).encode()))


def _around(app: Asgi) -> Asgi:
    dead = False

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        if dead:
            await send({"type": "http.response.start", "status": 503, "headers": list(HEADERS)})
            await send({"type": "http.response.body", "body": BODY})
            return
        over = False

        async def noting_send(message: Message) -> None:
            nonlocal over
            over = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        async def noting_receive() -> Message:
            nonlocal dead
            message = await receive()
            dead = dead or (message["type"] == "http.disconnect" and not over)
            return message

        await app(scope, noting_receive, noting_send)

    return mount


VARIANT = Variant(
    name="dies-of-cancel",
    sentence="After one client has left in the middle of a stream, every request is answered with 503.",
    where="app",
    kills="LC-16",
    because=("503",),
    seams=Seams(around=_around),
)
