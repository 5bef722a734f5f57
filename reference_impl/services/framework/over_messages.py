"""Streams that messages ask for: in envelopes over WebSocket and TCP by their names, over gRPC by those of methods.

Pure. Never here: an envelope (`envelopes`), a call (`grpc_calls`), a stream at work (`served_stream`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.grpc_names import Method
from streamspec.reference_impl.services.framework.served_stream import asked, decoded
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Opens
    from streamspec.reference_impl.routing import Asked
    from streamspec.reference_impl.services.framework.router import Router
    from streamspec.reference_impl.services.framework.served_options import Options

UNKNOWN: Final = "there is no such stream"
SERVICE: Final = "streams"  # of a stream over gRPC whose name has no dot


def opener(router: Router, options: Options) -> Opens:
    """From the name of a stream, and the JSON that came with it, to that stream."""

    def opens(name: str, text: str, client: Headers, deadline_s: float | None) -> Asked | StreamError:
        procedure = router.get(name)
        if procedure is None:
            return StreamError(Code.NOT_FOUND, UNKNOWN)
        try:
            payload = procedure.validated(decoded(text), from_query=False)
            return asked(procedure, payload, client, options, deadline_s)
        except StreamError as refused:
            return refused

    return opens


def methods(router: Router) -> Mapping[str, Method]:
    """Of every stream its method: `logs.tail` is `logs/tail`, and `a.b.c` is `a.b/c`, as Raffel maps them. Where the
    server alone streams the one message is the input; else every message is an item."""
    found: dict[str, Method] = {}
    # Those without a dot first: a stream that bears such a name itself goes before them.
    for procedure in sorted(router.procedures(), key=lambda procedure: "." in procedure.name):
        service, _, name = procedure.name.rpartition(".")
        client_streams, server_streams = procedure.direction != "server", procedure.direction != "client"
        method = Method(procedure.name, client_streams, server_streams, tells=not client_streams)
        found[f"{service or SERVICE}/{name}"] = method
    return found
