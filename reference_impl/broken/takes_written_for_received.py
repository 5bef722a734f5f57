"""A socket that took an event, and a client that never did.

Never here: a second defect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.connection import Connection

PATH = "/resumable"
FIELD = b"last-event-id"
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


@dataclass(slots=True)
class _Sent:
    """What was written of the stream that was asked for last, and whether its client closed in order."""

    last: int = 0
    in_order: bool = False


def _behind(given: bytes, sent: _Sent) -> bytes:
    """Whoever closed in order has read everything, it thinks: TCP does not lose anything."""
    return b"%d" % max(int(given), sent.last) if sent.in_order and given.isdigit() else given


def _around(app: Asgi) -> Asgi:
    before = _Sent()

    async def around(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal before
        if not scope["path"].endswith(PATH):
            await app(scope, receive, send)
            return
        headers = [(k, _behind(v, before) if k.lower() == FIELD else v) for k, v in scope["headers"]]
        before = sent = _Sent()

        async def sending(message: Message) -> None:
            if ids := _ID.findall(message.get("body", b"")):
                sent.last = int(ids[-1])
            await send(message)

        try:
            await app({**scope, "headers": headers}, receive, sending)
        finally:
            connection: Connection = scope["state"]["connection"]
            sent.in_order = connection.lost is None

    return around


VARIANT = Variant(
    name="takes-written-for-received",
    sentence="After an orderly close a resume goes on behind all that was written, and not behind what was received.",
    where="app",
    kills="RC-02",
    because=("the item right behind id", "items later"),
    by="fault",
    seams=Seams(around=_around),
)
