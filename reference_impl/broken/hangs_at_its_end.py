"""A last write that nobody is there to take.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.disconnects import DEAF_S, Few, is_stream
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

MOST = 8  # at a time
MOMENT_S = 0.03  # in which a stream may end


def _around(app: Asgi) -> Asgi:
    few = Few(MOST)

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        gone = False

        async def hanging_send(message: Message) -> None:
            await send(message)
            if gone and is_stream(scope):
                with few.one_more() as room:
                    await asyncio.sleep(DEAF_S if room else 0)

        async def noting_receive() -> Message:
            nonlocal gone
            message = await receive()
            if message["type"] == "http.disconnect":
                gone = True
                await asyncio.sleep(MOMENT_S)
            return message

        await app(scope, noting_receive, hanging_send)

    return mount


VARIANT = Variant(
    name="hangs-at-its-end",
    sentence="A stream that ends in the very moment in which its client leaves is over only minutes later.",
    where="app",
    kills="CN-10",
    because=("whose client leaves at its end is over", "handlers were at work"),
    also={
        "BP-09": "a write in that moment waits as well",
        "CN-04": "so does its cleanup",
        "CN-08": "and its production",
        "CN-11": "however its client left",
        "CN-22": "a sender is not told while it waits",
    },
    not_over=dict.fromkeys(("ndjson", "json_array"), "whether a write falls into that moment is chance"),
    seams=Seams(around=_around),
)
