"""The reference as one plain ASGI 3 application: every role in every binding, and every variant under its path prefix.

Never here: a web framework, a socket, a producer, or a defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streamspec.reference_impl import session
from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.mount import mounted
from streamspec.reference_impl.routing import BROKEN, LOSSY, PROTECTED, Page, Refused, split_variant
from streamspec.reference_impl.seams import Asgi, Seams, asks_for_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Answer, Mount
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.roles import Role
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.variant import Variant

DROPPED = "dropped"  # the field in which an item under `/lossy/` says how many were left out before it
# A wire variant answers only where it has the connection to itself, from its first byte on.
MISDIRECTED = Refused(421, "ask for this stream on a new connection", (("connection", "close"),))


class App:
    """The good reference and its variants. Under `/lossy/` it leaves items out for slow clients, and says so. With
    `tokens` it stands once more under `/protected/`, and variants that are broken in whom they admit ask for one."""

    def __init__(self, roles: Iterable[Role], variants: Iterable[Variant] = (), *tokens: str) -> None:
        self._variants = tuple(variants)
        roles, tokens = tuple(roles), tuple(token for token in tokens if token)
        self.mounts: Mapping[str, Mount] = {
            "": mounted(Seams(), roles),
            LOSSY: mounted(Seams(lossy=DROPPED), roles),
            **({PROTECTED: mounted(Seams(), roles, tokens)} if tokens else {}),
            **{
                variant.name: mounted(variant.seams, roles, tokens if asks_for_credentials(variant.seams) else ())
                for variant in self._variants
            },
        }
        self._apps: Mapping[str, Asgi] = {
            name: mount.seams.around(_application(mount)) for name, mount in self.mounts.items()
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"no such protocol here: {scope['type']}")
        if scope["path"] == BROKEN:
            await _tell(Page(self._list(), "text/plain; charset=utf-8"), send)
            return
        name, path = split_variant(scope["path"])
        app = self._apps.get(name)
        if app is None:
            await _refuse(Refused(404, f"there is no variant under {BROKEN}"), send)
            return
        await app({**scope, "path": path}, receive, send)

    def _list(self) -> str:
        """The variants, one a line: where, which rule must catch it, what is wrong."""
        return "".join(_listed(v) for v in self._variants)

    def wire_mount(self, path: str) -> Mount | None:
        """The variant that writes its own HTTP to answer this path, if there is one. What it tells is no stream."""
        name, rest = split_variant(path)
        mount = self.mounts.get(name)
        return mount if mount and mount.seams.wire and not mount.is_page(rest) else None

    def misunderstood(self, path: str) -> None:
        """A request for this path could not be read."""
        if mount := self.mounts.get(split_variant(path)[0]):
            mount.seams.on_refusal()

    def close(self) -> None:
        """End every open stream, with UNAVAILABLE but for what variants do."""
        for mount in self.mounts.values():
            for stream in tuple(mount.open):
                mount.seams.go_away(stream)


def _listed(variant: Variant) -> str:
    """What only another command shows, its rule does not catch in a run."""
    by = f" by {variant.by}" if variant.by != "run" else ""
    return f"{BROKEN}{variant.name}/  {variant.kills}{by}  {variant.sentence}\n"


def _application(mount: Mount) -> Asgi:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        find = mount.page if mount.is_page(scope["path"]) else mount.answer
        query = scope["query_string"].decode("latin-1")
        answer = find(scope["method"], scope["path"], query, _decoded(scope.get("headers", ())))
        if isinstance(answer, Refused):
            mount.seams.on_refusal()
            await _refuse(answer, send)
        elif isinstance(answer, Page):
            await _tell(answer, send)
        elif mount.seams.wire is not None:
            await _refuse(MISDIRECTED, send)
        else:
            await _stream(answer, mount, receive, send)

    return application


async def _stream(answer: Answer, mount: Mount, receive: Receive, send: Send) -> None:
    async def write(piece: bytes) -> None:
        try:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        except OSError:  # how ASGI 2.4 servers say that the client has gone
            stream.cancel()

    await send({"type": "http.response.start", "status": 200, "headers": _encoded(answer.headers)})
    # Some servers keep the head back until a first piece of body, even an empty one (SSE-07).
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    async with session.producing(answer.asked, mount) as stream, asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(_cancel_on_disconnect(receive, stream))
        whole = await session.pump(stream, answer, mount.seams, write)
        watcher.cancel()
    if whole:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_on_disconnect(receive: Receive, stream: ItemStream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the rest of the request's body, which nobody asked for
    stream.cancel()


async def _refuse(refused: Refused, send: Send) -> None:
    start = {"type": "http.response.start", "status": refused.status, "headers": _encoded(refused.all_headers())}
    await send(start)
    await send({"type": "http.response.body", "body": refused.body(), "more_body": False})


async def _tell(page: Page, send: Send) -> None:
    body = page.text.encode()
    fields = _encoded((*headers(page.kind), ("content-length", str(len(body)))))
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _encoded(fields: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def _decoded(fields: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in fields)
