"""A wire variant's answer: the same streams and the same SSE, in a response that the variant frames.

Never here: what is wrong with the framing (that is the variant's `Wire`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from streamspec.reference_impl import session
from streamspec.reference_impl.bindings import rawhttp
from streamspec.reference_impl.routing import Refused

if TYPE_CHECKING:
    from streamspec.reference_impl.bindings.asgi import App


async def answer(app: App, request: rawhttp.Request, write: rawhttp.Write) -> rawhttp.End:
    """Stream what was asked for, framed by the variant under whose prefix it was asked for."""
    asked, seams = app.route(request.method, unquote(request.path), request.query)
    if isinstance(asked, Refused):
        await write(rawhttp.whole(asked))
        return "fin"
    framing = seams.wire
    assert framing is not None, "only a wire variant's path leads here"

    async def write_framed(piece: bytes) -> None:
        await write(framing.frame(piece))

    await write(framing.head)
    async with session.producing(asked, seams) as stream:
        app.watch(stream)
        whole = await session.pump(stream, seams, write_framed)
    if whole:
        await write(framing.last)
    return "fin"
