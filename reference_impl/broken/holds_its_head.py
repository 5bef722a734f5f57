"""A head that waits for the body.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.disconnects import is_stream
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def late_send(message: Message) -> None:
            held.append(message)
            if message.get("body") or not message.get("more_body", True):
                while held:
                    await send(held.pop(0))

        await app(scope, receive, late_send if is_stream(scope) else send)

    return mount


VARIANT = Variant(
    name="holds-its-head",
    sentence="The response's head is sent together with the first item.",
    where="app",
    kills="SSE-07",
    because=("before the first item", "as every time"),
    seams=Seams(around=_around),
)
