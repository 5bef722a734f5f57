"""How an ASGI application answers: with a stream, a page, a refusal; and how it reads a request's body within a limit.

Never here: which of them, a path, a producer.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import session
from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.routing import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Answer, Mount
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.routing import Page
    from streamspec.reference_impl.seams import Receive, Send

MOST_DISCARDED_BYTES: Final = 16 * 1024 * 1024  # of a body that is too long, and
DISCARD_S: Final = 1.0  # for it to come


async def show(answer: Answer, mount: Mount, receive: Receive, send: Send) -> None:
    """Show a stream up to its end, or until its client leaves, which cancels it."""

    async def write(piece: bytes) -> None:
        try:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        except OSError:  # how ASGI 2.4 servers say that the client has gone
            stream.cancel()

    await send({"type": "http.response.start", "status": 200, "headers": encoded(answer.headers)})
    # Some servers keep the head back until a first piece of body, even an empty one (SSE-07).
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async with session.producing(answer.asked, mount) as stream, asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(cancel_on_disconnect(receive, stream))
        whole = await session.pump(stream, answer, mount.seams, write)
        watcher.cancel()
    if whole:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def cancel_on_disconnect(receive: Receive, stream: ItemStream) -> None:
    await left(receive)
    stream.cancel()


async def left(receive: Receive) -> None:
    """Until the client has."""
    while (await receive())["type"] != "http.disconnect":
        pass  # the rest of the request's body, which nobody asked for


async def body(receive: Receive, most_bytes: int) -> bytes | Refused | None:
    """All of a request's body; None when its client has left before it was there. Of one that is too long the rest is
    read as well, up to a bound: a connection that is closed on unread octets takes the refusal along."""
    came = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        came += message.get("body", b"")
        if len(came) > most_bytes:
            if message.get("more_body", False) and not await _discarded(receive):
                return None
            return Refused(413, f"a request has at most {most_bytes} octets", (("connection", "close"),))
        if not message.get("more_body", False):
            return bytes(came)


async def _discarded(receive: Receive) -> bool:
    """Read to the end of a request, or as far as that is worth it. False if its client has left."""
    room = MOST_DISCARDED_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            while room > 0:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return False
                if not message.get("more_body", False):
                    break
                room -= len(message.get("body", b""))
    return True


async def refuse(refused: Refused, send: Send) -> None:
    await whole(refused.status, refused.body(), refused.all_headers(), send)


async def tell(page: Page, send: Send, more: Headers = ()) -> None:
    text = page.text.encode()
    await whole(200, text, (*headers(page.kind), ("content-length", str(len(text))), *more), send)


async def whole(status: int, text: bytes, fields: Headers, send: Send) -> None:
    """An answer of one piece; its length, where it has one, is among the fields."""
    await send({"type": "http.response.start", "status": status, "headers": encoded(fields)})
    await send({"type": "http.response.body", "body": text, "more_body": False})


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def encoded(fields: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def decoded(fields: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The fields of a request, their names in lower case."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in fields)
