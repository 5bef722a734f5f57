"""A wire variant's answer: the same streams in the same bindings, in a response that the variant frames.

Never here: what is wrong with the framing (that is the variant's `Wire`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from streamspec.reference_impl import session
from streamspec.reference_impl.bindings import rawhttp
from streamspec.reference_impl.routing import Refused, split_variant

if TYPE_CHECKING:
    from streamspec.reference_impl.application import Application


async def answer(app: Application, request: rawhttp.Request, write: rawhttp.Write) -> rawhttp.End:
    """Stream what was asked for, framed by the variant under whose prefix it was asked for."""
    path = unquote(request.path)
    mount = app.wire_mount(path)
    assert mount is not None, "only a wire variant's path leads here"
    framing = mount.seams.wire
    assert framing is not None, "and it says how"
    found = mount.answer(request.method, split_variant(path)[1], request.query, request.headers)
    if isinstance(found, Refused):
        mount.seams.on_refusal()
        await write(rawhttp.whole(found))
        return "fin"

    async def write_framed(piece: bytes) -> None:
        await write(framing.frame(piece))

    await write(framing.head(found.headers))
    async with session.producing(found.asked, mount) as stream:
        whole = await session.pump(stream, found, mount.seams, write_framed)
    if whole:
        await write(framing.last)
    return "fin"
