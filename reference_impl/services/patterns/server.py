"""The services on a port: with health and reflection, until they are told to stop, and ended in order.

Needs the extra `grpc`. Never here: a call, what a service does.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc

from streamspec.reference_impl import grpc_services
from streamspec.reference_impl.bindings.grpc_server import CLEANUP_S, GRACE_S, MOST_CALLS, OPTIONS
from streamspec.reference_impl.services.patterns import front, messages, methods
from streamspec.reference_impl.services.patterns.calls import Board, Handlers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streamspec.reference_impl.services.patterns.service import StreamService

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Served:
    """A server at work: its port, and what it tells."""

    port: int
    board: Board = field(default_factory=Board)

    @property
    def told(self) -> dict[str, int]:
        return self.board.told.figures()


@contextlib.asynccontextmanager
async def serving(service: StreamService, host: str = LOOPBACK, port: int = 0) -> AsyncIterator[Served]:
    """Serve over gRPC without TLS. 0 takes a free port; raises `RuntimeError` where the port or the host is not ours.

    Leaving takes no more calls, ends those that are open with UNAVAILABLE, waits `GRACE_S` for their clients to read
    that and `CLEANUP_S` for their handlers. The store is its owner's to close.
    """
    board = Board()
    services = methods.services_of(service)
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
    server.add_generic_rpc_handlers((Handlers(services, messages.codec(), board),))
    watch = await grpc_services.add_to(server, (), (messages.described(services),))
    taken = server.add_insecure_port(f"{_named(host)}:{port}")
    await server.start()
    try:
        yield Served(taken, board)
    finally:
        await watch.enter_graceful_shutdown()
        board.close()
        await server.stop(GRACE_S)
        if board.at_work:  # what is left grpcio has cancelled, and does not wait for it
            await asyncio.wait(board.at_work, timeout=CLEANUP_S)


def run(service: StreamService, host: str = LOOPBACK, port: int = 0, *, tells: bool = False) -> None:
    """Serve until SIGTERM or SIGINT. One line on stdout says where. If it `tells`, its figures are had under `/told`
    over HTTP on the same port: then a relay looks at each connection first."""
    asyncio.run(_run(service, host, port, tells=tells))


async def _run(service: StreamService, host: str, port: int, *, tells: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        if tells:
            # The relay goes last: what is said at the end goes through it.
            gate = front.Gate()
            port = await stack.enter_async_context(front.standing(gate, host, port))
            served = await stack.enter_async_context(serving(service))
            gate.open(served.port, lambda: served.told)
        else:
            served = await stack.enter_async_context(serving(service, host, port))
            port = served.port
        sys.stdout.write(f"listening grpc://{_named(host)}:{port}\n")
        sys.stdout.flush()
        await stop.wait()


def _named(host: str) -> str:
    """As a URL has it: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
