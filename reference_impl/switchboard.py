"""The first look at a connection: to the frames if it begins as no HTTP does, to the raw writer if it asks for a wire
variant, else to uvicorn. One peer has so many connections and no more.

Never here: an answer. A connection is handed over whole, with the bytes read so far; nothing is proxied.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from streamspec.reference_impl.bindings import framed, rawhttp, wire
from streamspec.reference_impl.connection import Http

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

    from streamspec.reference_impl.application import Application
    from streamspec.reference_impl.peers import Peers

MOST_REQUEST_LINE_BYTES = 8 * 1024
FIRST_LINE_S = 10.0  # for a connection to say what it is


def protocol_class(app: Application, peers: Peers) -> type[asyncio.Protocol]:
    """What uvicorn's `Config(http=...)` takes: it only ever calls it, with four arguments of its own."""
    return cast("type[asyncio.Protocol]", functools.partial(Switchboard, app, peers))


class Switchboard(asyncio.Protocol):
    """Reads the first line of a connection, then gives the connection away."""

    def __init__(
        self,
        app: Application,
        peers: Peers,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = app
        self._peers = peers
        self._connections: set[Any] = server_state.connections  # uvicorn asks of its members only a shutdown()
        self._tasks = server_state.tasks
        self._for_http = (config, server_state, app_state, _loop)
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._peers.admits(transport):
            transport.abort()
            return
        self._connections.add(self)
        self._timer = asyncio.get_running_loop().call_later(FIRST_LINE_S, transport.close)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received[:1] and self._received[0] in framed.FIRST_OCTETS:
            app = self._app
            seams = app.mounts[""].seams  # until it is known which mount is spoken to
            self._give_to(framed.Protocol(app.find, seams, app.attend, self._connections, self._tasks))
            return
        line, end, _ = self._received.partition(b"\n")
        path = _path(line)
        if self._app.wire_mount(path):
            self._give_to(rawhttp.Protocol(functools.partial(wire.answer, self._app), self._connections))
        elif end or len(line) > MOST_REQUEST_LINE_BYTES:
            self._give_to(Http(functools.partial(self._app.misunderstood, path), *self._for_http))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio.Protocol's shape
        self._leave()

    def shutdown(self) -> None:
        """Called by uvicorn when it stops."""
        assert self._transport is not None
        self._transport.close()

    def _give_to(self, protocol: asyncio.Protocol) -> None:
        assert self._transport is not None
        self._leave()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)

    def _leave(self) -> None:
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()


def _path(request_line: bytes) -> str:
    words = request_line.split(b" ")
    return unquote(words[1].partition(b"?")[0].decode("latin-1")) if len(words) > 1 else ""
