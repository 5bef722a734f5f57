"""A page for everybody who asks in another way.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send

PAGE: Final = b"<!doctype html><title>Welcome</title>\n"
HEADERS: Final = [(b"content-type", b"text/html"), (b"content-length", str(len(PAGE)).encode())]


def _around(app: Asgi) -> Asgi:
    async def around(scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": PAGE, "more_body": False})

    return around


VARIANT = Variant(
    name="shows-a-page",
    sentence="A request with another method than GET is answered with 200 and a page.",
    where="app",
    on=("sse", "ndjson", "json_array"),
    kills="SSE-12",
    because=("200 text/html",),
    seams=Seams(around=_around),
)
