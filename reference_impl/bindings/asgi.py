"""The reference as one plain ASGI 3 application: every role as SSE, and every variant under its path prefix.

Never here: a web framework, a socket, a producer, or a defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streamspec.reference_impl import session
from streamspec.reference_impl.routing import BROKEN, Asked, Refused, route, split_variant
from streamspec.reference_impl.seams import Asgi, Seams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streamspec.reference_impl.roles import ItemStream, Role
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.variant import Variant

# A wire variant answers only where it has the connection to itself, from its first byte on.
MISDIRECTED = Refused(421, "ask for this stream on a new connection", (("connection", "close"),))


class App:
    """The good reference and its variants. Remembers the open streams, so that a shutdown can end them."""

    def __init__(self, roles: Iterable[Role], variants: Iterable[Variant] = ()) -> None:
        self._roles = tuple(roles)
        self._open: set[ItemStream] = set()
        self._variants = tuple(variants)
        self._seams: dict[str, Seams] = {"": Seams(), **{variant.name: variant.seams for variant in self._variants}}
        self._mounts: Mapping[str, Asgi] = {
            name: seams.around(self._mount(seams)) for name, seams in self._seams.items()
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"no such protocol here: {scope['type']}")
        if scope["path"] == BROKEN:
            await _tell(self._list(), send)
            return
        name, path = split_variant(scope["path"])
        mount = self._mounts.get(name)
        if mount is None:
            await _refuse(Refused(404, f"there is no variant under {BROKEN}"), send)
            return
        await mount({**scope, "path": path}, receive, send)

    def _list(self) -> str:
        """The variants, one a line: where, which rule must catch it, what is wrong."""
        return "".join(f"{BROKEN}{v.name}/  {v.kills}  {v.sentence}\n" for v in self._variants)

    def route(self, method: str, path: str, query: str) -> tuple[Asked | Refused, Seams]:
        """What another writer on the same port needs: the role asked for, and how it is to behave."""
        name, rest = split_variant(path)
        return route(self._roles, method, rest, query), self._seams[name]

    def is_for_wire(self, path: str) -> bool:
        """Whether a path belongs to a variant that writes its own HTTP."""
        seams = self._seams.get(split_variant(path)[0])
        return seams is not None and seams.wire is not None

    def watch(self, stream: ItemStream) -> None:
        """Remember a stream until it ends."""
        self._open.add(stream)
        stream.on_end(lambda: self._open.discard(stream))

    def close(self) -> None:
        """End every open stream with UNAVAILABLE."""
        for stream in tuple(self._open):
            session.go_away(stream)

    def _mount(self, seams: Seams) -> Asgi:
        async def mount(scope: Message, receive: Receive, send: Send) -> None:
            asked = route(self._roles, scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
            if isinstance(asked, Refused):
                await _refuse(asked, send)
            elif seams.wire is not None:
                await _refuse(MISDIRECTED, send)
            else:
                await self._stream(asked, seams, receive, send)

        return mount

    async def _stream(self, asked: Asked, seams: Seams, receive: Receive, send: Send) -> None:
        async def write(piece: bytes) -> None:
            try:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            except OSError:  # how ASGI 2.4 servers say that the client has gone
                stream.cancel()

        await send({"type": "http.response.start", "status": 200, "headers": _encoded(seams.headers)})
        # Some servers keep the head back until a first piece of body, even an empty one (SSE-07).
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async with session.producing(asked, seams) as stream, asyncio.TaskGroup() as tasks:
            self.watch(stream)
            watcher = tasks.create_task(_cancel_on_disconnect(receive, stream))
            whole = await session.pump(stream, seams, write)
            watcher.cancel()
        if whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_on_disconnect(receive: Receive, stream: ItemStream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the rest of the request's body, which nobody asked for
    stream.cancel()


async def _refuse(refused: Refused, send: Send) -> None:
    headers = _encoded(refused.all_headers())
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.body(), "more_body": False})


async def _tell(text: str, send: Send) -> None:
    body = text.encode()
    headers = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body)))]
    await send({"type": "http.response.start", "status": 200, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
