"""One process, one port: uvicorn for the application, the raw writer beside it, and an orderly start and end.

Never here: a stream, a role, a defect. stdout carries one line, when connections are really accepted.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.switchboard import protocol_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

SHUTDOWN_GRACE_S = 2  # for consumers that do not read to see the end of their streams


class Server(uvicorn.Server):
    """uvicorn's server with two of its steps widened: it tells when it listens, and ends open streams."""

    def __init__(self, app: App, told: Callable[[str], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_class(app),
                ws="none",
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
        self._told(_url(self.servers[0].sockets[0].getsockname()))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # First, or uvicorn would wait for streams that never end by themselves.
        self._reference.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        self.should_exit = True


def run(host: str, port: int, *, until_stdin_closes: bool, tokens: Sequence[str] = (), broken: bool = True) -> None:
    """Serve the reference, and all its variants unless it is not `broken`, until SIGTERM, SIGINT or, if asked, the end
    of stdin. With tokens the good one also stands under `/protected/`, for those who know one."""
    server = Server(App(ROLES, variants() if broken else (), *tokens), _announce)

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    # uvicorn puts its own handlers over these while it serves, and afterwards raises the signal again: that
    # one lands here, so an end that was asked for is exit code 0.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if until_stdin_closes:
        threading.Thread(target=_wait_for_stdin, args=(server,), daemon=True).start()
    asyncio.run(server.serve([listen(host, port)]))


def listen(host: str, port: int) -> socket.socket:
    """A bound socket of the family that the host's address has. It listens when uvicorn says so."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


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
