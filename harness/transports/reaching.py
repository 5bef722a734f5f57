"""How a request's connection comes about, for every carrier alike: past the proxy or through it, with TLS or without.

Never here: what is said on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.harness.core.unopened import RefusedExchange
from streamspec.harness.transports import tcp

if TYPE_CHECKING:
    import ssl

    from streamspec.harness.core.ports import Request, Where


async def reached(
    request: Request, host: str, port: int, where: Where, connect_ms: float, tls: ssl.SSLContext | None = None
) -> tcp.TcpConnection | RefusedExchange:
    """A connection to `host, port`, or to where that is led; what the target refuses is an exchange that says so."""
    try:
        return await tcp.connect(
            *((host, port) if request.direct else where(host, port)),
            tls=tls,
            server_hostname=host,
            connect_ms=connect_ms,
            receive_buffer_bytes=request.receive_buffer_bytes or None,
        )
    except tcp.NotConnectedError as error:
        return RefusedExchange(error.refused)
