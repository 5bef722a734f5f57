"""The reference as one plain ASGI 3 application: every role in every binding, and every variant under its path prefix.

Never here: a web framework, a socket, a producer, or a defect.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING
from urllib.parse import unquote

from streamspec.reference_impl import raffel_docs_envelopes, raffel_envelopes
from streamspec.reference_impl.bindings import asgi_answers, jsonrpc_http, websocket
from streamspec.reference_impl.mount import mounted
from streamspec.reference_impl.multiplex import Wanted
from streamspec.reference_impl.routing import (
    BROKEN,
    FIN,
    LOSSY,
    PROTECTED,
    RAFFEL,
    RAFFEL_DOCS,
    Page,
    Refused,
    split_variant,
)
from streamspec.reference_impl.seams import Asgi, Seams, asks_for_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.multiplex import Multiplex
    from streamspec.reference_impl.roles import Role
    from streamspec.reference_impl.seams import Message, Receive, Send
    from streamspec.reference_impl.variant import Variant

DROPPED = "dropped"  # the field in which an item under `/lossy/` says how many were left out before it
# A wire variant answers only where it has the connection to itself, from its first byte on.
MISDIRECTED = Refused(421, "ask for this stream on a new connection", (("connection", "close"),))


class App:
    """The good reference and its variants. Under `/lossy/` it leaves items out for slow clients, and says so; under
    `/fin-half-closes/` a FIN over TCP is a half-close; under `/raffel-envelopes/` and `/raffel-docs-envelopes/` its
    envelopes are those of these dialects. With `tokens` it stands once more under `/protected/`, and variants that are
    broken in whom they admit ask for one."""

    def __init__(self, roles: Iterable[Role], variants: Iterable[Variant] = (), *tokens: str) -> None:
        self._variants = tuple(variants)
        roles, tokens = tuple(roles), tuple(token for token in tokens if token)
        self.elsewhere: dict[str, Callable[[str], str]] = {}
        self._shared: weakref.WeakSet[Multiplex] = weakref.WeakSet()

        def mount(name: str, seams: Seams, tokens: tuple[str, ...] = ()) -> Mount:
            return mounted(seams, roles, tokens, name, self._elsewhere)

        self.mounts: Mapping[str, Mount] = {
            "": mount("", Seams()),
            LOSSY: mount(LOSSY, Seams(lossy=DROPPED)),
            FIN: mount(FIN, Seams(fin_half_closes=True)),
            RAFFEL: mount(RAFFEL, raffel_envelopes.SEAMS),
            RAFFEL_DOCS: mount(RAFFEL_DOCS, raffel_docs_envelopes.SEAMS),
            **({PROTECTED: mount(PROTECTED, Seams(), tokens)} if tokens else {}),
            **{v.name: mount(v.name, v.seams, tokens if asks_for_credentials(v.seams) else ()) for v in self._variants},
        }
        self._apps: Mapping[str, Asgi] = {
            name: mount.seams.around(_application(mount)) for name, mount in self.mounts.items()
        }
        self._sockets: Mapping[str, Asgi] = {
            name: mount.seams.around_sockets(_sockets(mount, self.attend)) for name, mount in self.mounts.items()
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await asgi_answers.lifespan(receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise ValueError(f"no such protocol here: {scope['type']}")
        name, path = split_variant(scope["path"])
        if scope["type"] == "websocket":
            if name not in self._sockets:
                name, path = "", scope["path"]  # where there is no such WebSocket
            await self._sockets[name]({**scope, "path": path}, receive, send)
        elif scope["path"] == BROKEN:
            await asgi_answers.tell(Page(self._list(), "text/plain; charset=utf-8"), send)
        elif app := self._apps.get(name):
            await app({**scope, "path": path}, receive, send)
        else:
            await asgi_answers.refuse(Refused(404, f"there is no variant under {BROKEN}"), send)

    def _list(self) -> str:
        """The variants, one a line: where, which rule must catch it, what is wrong."""
        return "".join(_listed(v) for v in self._variants)

    def wire_mount(self, path: str) -> Mount | None:
        """The variant that writes its own HTTP to answer this path, if there is one. What it tells is no stream."""
        name, rest = split_variant(path)
        mount = self.mounts.get(name)
        if not mount or not mount.seams.wire or mount.is_page(rest) or rest == websocket.PATH:
            return None
        return mount

    def find(self, procedure: str, metadata: Headers) -> Wanted | None:
        """What a procedure leads to where there are no paths: `NAME/DIRECTION`, NAME as a path has it."""
        name, rest = split_variant(f"/{procedure}")
        mount = self.mounts.get(name)
        return Wanted(mount, rest.removeprefix("/"), metadata) if mount else None

    def seams_of(self, target: str) -> Seams:
        """Those of the mount that a request's target leads to; those of the good one if it leads nowhere."""
        mount = self.mounts.get(split_variant(unquote(target.partition("?")[0]))[0])
        return (mount or self.mounts[""]).seams

    def attend(self, streams: Multiplex) -> None:
        """A connection that streams share has begun: it has to be told when the server stops."""
        self._shared.add(streams)

    def _elsewhere(self, name: str) -> Mapping[str, str]:
        return {binding: place(name) for binding, place in self.elsewhere.items()}

    def misunderstood(self, path: str) -> None:
        """A request for this path could not be read."""
        if mount := self.mounts.get(split_variant(path)[0]):
            mount.seams.on_refusal()
            mount.seams.on_misreading()

    def close(self) -> None:
        """End every open stream, with UNAVAILABLE but for what variants do."""
        for mount in self.mounts.values():
            for stream in tuple(mount.open):
                mount.seams.go_away(stream)
        for streams in tuple(self._shared):
            streams.go_away()


def _listed(variant: Variant) -> str:
    """What only another command shows, its rule does not catch in a run."""
    by = f" by {variant.by}" if variant.by != "run" else ""
    return f"{BROKEN}{variant.name}/  {variant.kills}{by}  {variant.sentence}\n"


def _sockets(mount: Mount, attend: Callable[[Multiplex], None]) -> Asgi:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        await websocket.converse(mount, scope, receive, send, attend)

    return application


def _application(mount: Mount) -> Asgi:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == jsonrpc_http.PATH:
            await jsonrpc_http.serve(mount, scope, receive, send)
            return
        find = mount.page if mount.is_page(scope["path"]) else mount.answer
        query = scope["query_string"].decode("latin-1")
        answer = find(scope["method"], scope["path"], query, asgi_answers.decoded(scope.get("headers", ())))
        if isinstance(answer, Refused):
            mount.seams.on_refusal()
            await asgi_answers.refuse(answer, send)
        elif isinstance(answer, Page):
            await asgi_answers.tell(answer, send)
        elif mount.seams.wire is not None:
            await asgi_answers.refuse(MISDIRECTED, send)
        else:
            await asgi_answers.show(answer, mount, receive, send)

    return application
