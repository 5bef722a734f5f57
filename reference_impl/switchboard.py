"""The first look at a connection: to the raw writer if it asks for a wire variant, else to uvicorn.

Never here: an answer. A connection is handed over whole, with the bytes read so far; nothing is proxied.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from streamspec.reference_impl.bindings import rawhttp, wire
from streamspec.reference_impl.connection import Http

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

    from streamspec.reference_impl.bindings.asgi import App

MOST_REQUEST_LINE_BYTES = 8 * 1024


def protocol_class(app: App) -> type[asyncio.Protocol]:
    """What uvicorn's `Config(http=...)` takes: it only ever calls it, with four arguments of its own."""
    return cast("type[asyncio.Protocol]", functools.partial(Switchboard, app))


class Switchboard(asyncio.Protocol):
    """Reads the first line of a connection, then gives the connection away."""

    def __init__(
        self,
        app: App,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = app
        self._connections: set[Any] = server_state.connections  # uvicorn asks of its members only a shutdown()
        self._for_http = (config, server_state, app_state, _loop)
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        line, end, _ = self._received.partition(b"\n")
        path = _path(line)
        if self._app.wire_mount(path):
            self._give_to(rawhttp.Protocol(functools.partial(wire.answer, self._app), self._connections))
        elif end or len(line) > MOST_REQUEST_LINE_BYTES:
            self._give_to(Http(functools.partial(self._app.misunderstood, path), *self._for_http))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio.Protocol's shape
        self._connections.discard(self)

    def shutdown(self) -> None:
        """Called by uvicorn when it stops."""
        assert self._transport is not None
        self._transport.close()

    def _give_to(self, protocol: asyncio.Protocol) -> None:
        assert self._transport is not None
        self._connections.discard(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)


def _path(request_line: bytes) -> str:
    words = request_line.split(b" ")
    return unquote(words[1].partition(b"?")[0].decode("latin-1")) if len(words) > 1 else ""
