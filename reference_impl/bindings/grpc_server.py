"""The gRPC server beside the HTTP one, with a port of its own: started, and ended in order.

grpcio is the extra `grpc` and is imported when a server starts; without it everything else is served. Never here: a
call, a service, a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.conformance import MOST_STREAMS
from streamspec.reference_impl.grpc_names import MOST_MESSAGE_BYTES, MOST_METADATA_BYTES, service_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from streamspec.reference_impl.application import Application
    from streamspec.reference_impl.grpc_names import Method
    from streamspec.reference_impl.mount import Mount

MOST_CALLS: Final = 4_096  # in all; more are refused with RESOURCE_EXHAUSTED
LOOKAHEAD_BYTES: Final = 64 * 1024  # that a client may have sent and no handler taken, for each stream
HANDSHAKE_MS: Final = 10_000  # for a connection to begin as HTTP/2 does
LOWEST_PORT: Final = 10_000
PORTS: Final = 20_000
GRACE_S: Final = 2.0  # for streams that are told of a shutdown to be read to their end
CLEANUP_S: Final = 2.0  # for the handlers of those that were not
OPTIONS: Final = (
    ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
    # Between a lower and an upper bound grpcio would refuse at random.
    ("grpc.max_metadata_size", MOST_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MOST_METADATA_BYTES),
    # Of one connection, as it is declared: more wait at the client, or are refused (RFC 9113 5.1.2).
    ("grpc.max_concurrent_streams", MOST_STREAMS),
    # Without these two the window of a stream grows to 16 MiB, and a handler that takes nothing holds nobody back.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
    ("grpc.so_reuseport", 0),  # two servers on one port would share its clients
)


def is_available() -> bool:
    """Whether grpcio and what describes its services is installed."""
    return all(importlib.util.find_spec(name) for name in ("grpc", "grpc_health", "grpc_reflection", "hpack"))


def port_beside(port: int) -> int:
    """Where gRPC is served beside HTTP on this port: the same whenever the server is started again there, and none that
    a system gives away by itself. 0 beside 0."""
    return port and LOWEST_PORT + port % PORTS


def services(app: Application) -> Mapping[str, Mount]:
    """The mounts that play scripts, by the names of their services."""
    return {service_of(name): mount for name, mount in app.mounts.items() if mount.methods is None}


def methods(app: Application) -> Mapping[str, tuple[Mount, Method]]:
    """The methods that mounts have of their own, as `SERVICE/METHOD`."""
    having = [(mount, mount.methods()) for mount in app.mounts.values() if mount.methods is not None]
    return {name: (mount, method) for mount, named in having for name, method in named.items()}


@contextlib.asynccontextmanager
async def serving(app: Application, host: str, port: int = 0) -> AsyncIterator[int]:
    """Serve every mount over gRPC without TLS, and say so in its features; the value is the port: this one,
    or another where it is taken. 0 takes a free one. Mounts with a relay have ports of their own besides.

    Leaving takes no more calls and waits `GRACE_S` for those that are open: end the app's streams first (`App.close`),
    or they are cancelled. Raises `RuntimeError` where the host is none of ours, `ImportError` without the extra.
    """
    import grpc

    from streamspec.reference_impl import grpc_front, grpc_services
    from streamspec.reference_impl.grpc_calls import Scripts

    found, named = services(app), methods(app)
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
    scripts = Scripts(found, named)
    server.add_generic_rpc_handlers((scripts,))
    described = grpc_services.files_of({name: method for name, (_, method) in named.items()})
    watch = await grpc_services.add_to(server, found, described)
    where = f"[{host}]" if ":" in host else host
    try:
        taken = server.add_insecure_port(f"{where}:{port}")
    except RuntimeError:
        taken = server.add_insecure_port(f"{where}:0")
    await server.start()
    async with contextlib.AsyncExitStack() as fronts:  # gone last: what is said at the end goes through them
        try:
            relays = {name: mount.seams.relay for name, mount in app.mounts.items() if mount.seams.relay}
            opening = {name: grpc_front.standing(relay, host, taken) for name, relay in relays.items()}
            ports = {name: await fronts.enter_async_context(front) for name, front in opening.items()}
            app.elsewhere["grpc"] = lambda name: f":{ports.get(name, taken)}/{service_of(name)}"
            yield taken
        finally:
            app.elsewhere.pop("grpc", None)
            await watch.enter_graceful_shutdown()
            await server.stop(GRACE_S)
            # What is left grpcio has cancelled, and does not wait for it.
            if scripts.at_work:
                _, pending = await asyncio.wait(scripts.at_work, timeout=CLEANUP_S)
                for task in pending:
                    task.cancel()
