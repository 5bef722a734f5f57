"""`Service`: one of the systems as an application, on every binding that the reference has.

HTTP is answered by whoever is handed in; streams that messages ask for, over a WebSocket, framed TCP or gRPC, are
opened by the mount. Never here: a path of a system's own, a producer, a socket.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from streamspec.reference_impl.bindings import asgi_answers, websocket
from streamspec.reference_impl.mount import Mount
from streamspec.reference_impl.multiplex import Wanted
from streamspec.reference_impl.routing import Refused
from streamspec.reference_impl.seams import Seams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.grpc_names import Method
    from streamspec.reference_impl.mount import Opens
    from streamspec.reference_impl.multiplex import Multiplex
    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send

    Methods = Callable[[], Mapping[str, Method]]


def mount_of(opens: Opens | None = None, seams: Seams | None = None, methods: Methods | None = None) -> Mount:
    """Where a system's streams are at work. `opens` makes those that messages ask for, and those of its `methods` over
    gRPC, if it has any of its own."""
    return Mount(seams or Seams(), (), {}, opens=opens, methods=methods)


class Service:
    """An `Application`. `sockets` are the paths on which a WebSocket is taken; without a mount that opens anything
    there are none, and neither frames."""

    def __init__(self, http: Asgi, mount: Mount, sockets: Iterable[str] = ()) -> None:
        self._http = http
        self._mount = mount
        self._sockets = frozenset(sockets)
        self._shared: weakref.WeakSet[Multiplex] = weakref.WeakSet()
        self.elsewhere: dict[str, Callable[[str], str]] = {}
        self.mounts: Mapping[str, Mount] = {mount.name: mount}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await asgi_answers.lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["path"] in self._sockets:
            await websocket.converse(self._mount, {**scope, "path": websocket.PATH}, receive, send, self.attend)
        else:
            await receive()
            await websocket.deny(Refused(404, "there is no such WebSocket"), scope, send)

    def wire_mount(self, _path: str) -> Mount | None:
        return None

    def find(self, procedure: str, metadata: Headers) -> Wanted | None:
        """Every procedure is the mount's, which refuses those that it does not know."""
        return Wanted(self._mount, procedure, metadata) if self._mount.opens else None

    def seams_of(self, _target: str) -> Seams:
        return self._mount.seams

    def attend(self, streams: Multiplex) -> None:
        self._shared.add(streams)

    def misunderstood(self, path: str) -> None:
        """No figure counts these."""

    def close(self) -> None:
        """End every open stream with UNAVAILABLE."""
        for stream in tuple(self._mount.open):
            self._mount.seams.go_away(stream)
        for streams in tuple(self._shared):
            streams.go_away()
