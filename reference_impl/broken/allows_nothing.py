"""A refusal without a way out.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send


def _around(app: Asgi) -> Asgi:
    async def around(scope: Message, receive: Receive, send: Send) -> None:
        async def forget_allow(message: Message) -> None:
            fields = [field for field in message.get("headers", ()) if field[0] != b"allow"]
            await send({**message, "headers": fields} if "headers" in message else message)

        await app(scope, receive, forget_allow)

    return around


VARIANT = Variant(
    name="allows-nothing",
    sentence="A 405 does not say which methods are allowed.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SSE-12",
    because=("405 without Allow",),
    seams=Seams(around=_around),
)
