"""One process, one port, and one more for gRPC: uvicorn for the application, beside it the raw writer and the frames,
and an orderly start and end.

Never here: a stream, a role, a defect. stdout carries one line, when connections are really accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.envelopes import MOST_MESSAGE_BYTES
from streamspec.reference_impl.listener import Listener
from streamspec.reference_impl.peers import MOST_PER_PEER, Peers, most_per_peer
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.routing import prefix_of
from streamspec.reference_impl.switchboard import protocol_class
from streamspec.reference_impl.websocket_connection import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from streamspec.reference_impl.application import Application

MOST_PORT = 65_535
SHUTDOWN_GRACE_S = 2  # for consumers that do not read to see the end of their streams


class Server(uvicorn.Server):
    """uvicorn's server with two of its steps widened: it tells when it listens, and ends open streams."""

    def __init__(self, app: Application, told: Callable[[str], None], most_per_peer: int = MOST_PER_PEER) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_class(app, Peers(most_per_peer)),
                ws=WebSocket,
                ws_max_size=MOST_MESSAGE_BYTES,
                ws_ping_interval=None,  # or a client that stands still would be taken for one that has gone
                interface="asgi3",
                lifespan="on",
                proxy_headers=False,
                access_log=False,
                log_config=None,
                log_level="warning",
                timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
            )
        )
        self._reference = app
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        address = self.servers[0].sockets[0].getsockname()
        self._reference.elsewhere["tcp"] = partial(_framed, address[1])
        self._told(_url(address))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # First, or uvicorn would wait for streams that never end by themselves.
        self._reference.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        self.should_exit = True


def run(
    host: str,
    port: int,
    *,
    until_stdin_closes: bool,
    tokens: Sequence[str] = (),
    broken: bool = True,
    connections_per_peer: int = 0,
) -> None:
    """Serve the reference, and all its variants unless it is not `broken`. With tokens the good one also stands under
    `/protected/`, for those who know one."""
    app = App(ROLES, variants() if broken else (), *tokens)
    serve(app, host, port, until_stdin_closes=until_stdin_closes, connections_per_peer=connections_per_peer)


def serve(
    app: Application,
    host: str,
    port: int,
    *,
    until_stdin_closes: bool = False,
    over_grpc: bool = True,
    connections_per_peer: int = 0,
) -> None:
    """Serve an application until SIGTERM, SIGINT or, if asked, the end of stdin. A peer may have so many connections at
    a time, or with 0 as many as leave room for others."""
    server = Server(app, _announce, connections_per_peer or most_per_peer())

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    # uvicorn puts its own handlers over these while it serves, and afterwards raises the signal again: that
    # one lands here, so an end that was asked for is exit code 0.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(server,), daemon=True).start()
    asyncio.run(_serve(server, app, host, port, over_grpc=over_grpc))


async def _serve(server: Server, app: Application, host: str, port: int, *, over_grpc: bool) -> None:
    """Over gRPC as well, where that is installed; it ends last, when the streams have been told."""
    async with contextlib.AsyncExitStack() as beside:
        if over_grpc and grpc_server.is_available():
            await beside.enter_async_context(grpc_server.serving(app, host, grpc_server.port_beside(port)))
        await server.serve([listen(host, port)])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket of the family that the host's address has. It listens when uvicorn says so. Where there is none to
    be had the process ends: raises `SystemExit(2)`, as wrong arguments do, behind a line on stderr."""
    try:
        return _bound(host, port)
    except OSError as failure:
        sys.stderr.write(f"cannot listen on {host}, port {port}: {failure.strerror}\n")
        raise SystemExit(2) from None


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= MOST_PORT:  # of 70,000 getaddrinfo would make 4,464
        raise OSError(errno.EINVAL, f"ports are from 0 to {MOST_PORT}")
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with contextlib.ExitStack() as undone:
        listener = undone.enter_context(Listener(family, kind, protocol))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        undone.pop_all()
    return listener


def _framed(port: int, name: str) -> str:
    """Where the mount of this name is spoken to over TCP: a port, and what its procedures begin with."""
    return f":{port}{prefix_of(name)}"


def _wait_for_stdin(server: Server) -> None:
    # os.read, because a thread stuck in a buffered reader holds a lock that the interpreter's end waits for.
    while os.read(0, 4096):
        pass
    server.stop()


def _announce(url: str) -> None:
    sys.stdout.write(f"listening {url}\n")
    sys.stdout.flush()


def _url(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
