"""A buffer that is shared, and too small for everybody: what does not fit is dropped.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Final

from streamspec.reference_impl.disconnects import is_stream
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

CROWD: Final = 32  # streams at once: more than any fixed case opens
LOST: Final = 3  # the message of each stream that does not fit


def _around(app: Asgi) -> Asgi:
    now = 0

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal now
        sent = 0

        async def losing_send(message: Message) -> None:
            nonlocal sent
            sent += message["type"] == "http.response.body"
            if sent == LOST and message.get("more_body") and now > CROWD:
                sent += 1
                return
            await send(message)

        if scope["type"] != "http" or not is_stream(scope):
            await app(scope, receive, send)
            return
        now += 1
        try:
            await app(scope, receive, losing_send)
        finally:
            now -= 1

    return mount


VARIANT = Variant(
    name="loses-in-a-crowd",
    sentence="Of more than 32 streams at once each loses an item, and ends as if nothing were missing.",
    where="app",
    kills="OI-02",
    because=("20 items", "missing"),
    by="load",
    seams=Seams(around=_around),
)
