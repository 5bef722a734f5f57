"""A cancel behind a half-close.

Never here: a second defect.
"""

from __future__ import annotations

import json

from streamspec.reference_impl.seams import Asgi, Message, Receive, Seams, Send
from streamspec.reference_impl.variant import Variant


def _around(app: Asgi) -> Asgi:
    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        ended: set[str] = set()

        async def deaf_receive() -> Message:
            while True:
                message = await receive()
                said = _said(message)
                if said.get("type") == "stream:end":
                    ended.add(str(said.get("id")))
                if said.get("type") != "stream:cancel" or said.get("id") not in ended:
                    return message

        await app(scope, deaf_receive, send)

    return mount


def _said(message: Message) -> dict[str, object]:
    try:
        said = json.loads(message.get("text") or "null")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


VARIANT = Variant(
    name="deaf-when-half-closed",
    sentence="A client that has half-closed its stream cannot cancel it any more.",
    where="app",
    on=("ws",),
    kills="CN-09",
    because=("a handler learns of a cancel behind the half-close",),
    seams=Seams(around_sockets=_around),
)
