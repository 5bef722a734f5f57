"""A connection that is closed on one side only.

Never here: a second defect.
"""

from __future__ import annotations

import os
from functools import partial

from streamspec.reference_impl.leaks import Leak
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

LEAK = Leak()


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        # While a second handle is open, the close of the first one tells the client nothing.
        handle = os.dup(scope["state"]["connection"].socket.fileno())
        over = False

        async def releasing_send(message: Message) -> None:
            nonlocal over
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                over = True
                os.close(handle)
            await send(message)

        try:
            await app(scope, receive, releasing_send)
        finally:
            if not over:
                LEAK.keep(partial(os.close, handle))

    return mount


VARIANT = Variant(
    name="keeps-the-socket",
    sentence="When a client leaves in the middle of a stream, the server never closes its side of the connection.",
    where="app",
    kills="RL-04",
    because=("in batches of", "left abruptly"),
    also={
        "RL-03": "a cancel is such a leaving",
    },
    seams=Seams(around=_around),
)
