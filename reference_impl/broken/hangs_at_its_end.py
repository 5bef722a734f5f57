"""A last write that nobody is there to take.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.disconnects import Few, is_stream
from streamspec.reference_impl.frame import Completed, Frame
from streamspec.reference_impl.seams import Asgi, Deliver, Message, Receive, Seams, Send
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.variant import Variant

MOST = 4  # at a time
HANGS_S = 6.0  # a little longer than anybody watches: whoever is judged next finds room
MOMENT_S = 0.1  # for which a stream is about to end
_FEW = Few(MOST)


async def _hang() -> None:
    with _FEW.one_more() as room:
        await asyncio.sleep(HANGS_S if room else 0)


def _deliver(deliver: Deliver) -> Deliver:
    async def hanging(frame: Frame) -> None:
        if not isinstance(frame, Completed):
            await deliver(frame)
            return
        try:
            await asyncio.sleep(MOMENT_S)
            await deliver(frame)
        except (StreamError, asyncio.CancelledError):  # how it hears, where it is not written over HTTP
            await _hang()
            raise

    return hanging


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        gone = False

        async def hanging_send(message: Message) -> None:
            nonlocal gone
            await send(message)
            if gone and is_stream(scope):
                gone = False  # or the next write would wait as long again
                await _hang()

        async def noting_receive() -> Message:
            nonlocal gone
            message = await receive()
            gone = gone or message["type"] == "http.disconnect"
            return message

        await app(scope, noting_receive, hanging_send)

    return mount


VARIANT = Variant(
    name="hangs-at-its-end",
    sentence="A stream whose client leaves in the very moment in which it ends is over only some time later.",
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
    seams=Seams(deliver=_deliver, around=_around),
)
