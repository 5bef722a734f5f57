"""A connection that was torn, and is taken for a slow one.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from streamspec.reference_impl.carried import Carried
from streamspec.reference_impl.disconnects import DEAF_S, Few, deaf
from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl import envelopes
    from streamspec.reference_impl.multiplex import Carrier

_FEW = Few()


def _is_torn(scope: Message) -> bool:
    # A connection that was closed properly is lost without an error.
    return isinstance(scope["state"]["connection"].lost, OSError)


def _around(app: Asgi) -> Asgi:
    return deaf(app, _is_torn)


def _around_sockets(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        async def late_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.disconnect" and _is_torn(scope):
                await _take_for_slow()
            return message

        async def heedless_send(message: Message) -> None:
            with contextlib.suppress(OSError):
                await send(message)

        await app(scope, late_receive, heedless_send)

    return mount


class _Heedless(Carried):
    """How it is over TCP: what is read raises."""

    __slots__ = ("_torn",)

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(carrier)
        self._torn = False

    async def read(self) -> envelopes.Message | None:
        try:
            return await super().read()
        except OSError:
            self._torn = True
            await _take_for_slow()
            raise

    async def write(self, message: envelopes.Message) -> None:
        if self._torn:  # asyncio warns of every further write
            return
        try:
            await super().write(message)
        except OSError:
            self._torn = True


async def _take_for_slow() -> None:
    with _FEW.one_more() as room:
        await asyncio.sleep(DEAF_S if room else 0)


VARIANT = Variant(
    name="deaf-to-resets",
    sentence="When its client tore the connection, no producer learns of it for minutes.",
    where="app",
    on=("ndjson",),
    kills="CN-11",
    because=("items in", "after the client had left"),
    also={
        "CN-02": "an idle one neither",
        "CN-04": "nothing is cleaned up before",
        "RL-04": "its streams stay open so long",
    },
    seams=Seams(around=_around, around_sockets=_around_sockets, carry=_Heedless),
)
