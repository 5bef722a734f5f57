"""JSON-RPC as a page of a mount, `POST BASE/rpc`: one request, its body whole, and an answer of known length.

Never here: what a call is (`jsonrpc`), or playing a script (`one_answer`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import one_answer
from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.bindings import asgi_answers, jsonrpc
from streamspec.reference_impl.routing import SCRIPT, Refused

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.seams import Message, Receive, Send

PATH: Final = f"{SCRIPT}rpc"


async def serve(mount: Mount, scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request; its client's leaving cancels what it called."""
    fields = asgi_answers.decoded(scope["headers"])
    refused = _refused(mount, scope["method"], fields)
    if refused is not None:
        mount.seams.on_refusal()
        await asgi_answers.refuse(refused, send)
        return
    body = await _body(receive)
    if body is None:
        return
    answering = asyncio.create_task(jsonrpc.answer(body, lambda params: one_answer.answered(mount, params, fields)))
    leaving = asyncio.create_task(asgi_answers.left(receive))
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            status, said = answering.result()
            length = (("content-length", str(len(said))),) if said else ()  # a 204 has none (RFC 9110 8.6)
            await asgi_answers.whole(status, said, (*(headers(jsonrpc.KIND) if said else ()), *length), send)
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.wait({answering, leaving})


def _refused(mount: Mount, method: str, fields: Headers) -> Refused | None:
    if method != "POST":
        return Refused(405, "calls are made with POST", (("allow", "POST"),))
    return mount.unauthenticated(fields)


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or as much of it as shows that it is too long; None when the client left before its end."""
    body = b""
    while len(body) <= jsonrpc.MOST_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body
