"""HTTP/2 with what is known beforehand (h2c) or agreed on in TLS: how a connection is opened, and its first stream.

It must never judge, follow a redirect, or wait beyond `connect_ms`: other time belongs to the session. What the target
does is an event; only a request that cannot be sent is an error.
"""

from __future__ import annotations

import functools
import ssl
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Refused
from streamspec.harness.core.ports import Transport
from streamspec.harness.core.unopened import RefusedExchange
from streamspec.harness.transports.address import HTTP_PORTS, address_of, itself
from streamspec.harness.transports.http2_fields import fields_of
from streamspec.harness.transports.http2_link import Link
from streamspec.harness.transports.reaching import reached

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange, Request, Where
    from streamspec.harness.transports._http2_tables import Tables

ALPN: Final = "h2"  # RFC 9113 §3.2
_GRPC: Final = ("grpc", "grpcs")
_PORTS: Final = MappingProxyType({**HTTP_PORTS, **dict.fromkeys(_GRPC, 0)})
_SPOKEN: Final = MappingProxyType({"http": "http", "https": "https", "grpc": "http", "grpcs": "https"})


def _fields(request: Request) -> list[tuple[bytes, bytes, bool]]:
    """Those of a request. Raises `UsageError` for what cannot be sent."""
    to = address_of(request.url, _PORTS)
    return fields_of(request, _SPOKEN[to.scheme], to.authority, to.path, grpc=to.scheme in _GRPC)


def _tables(limits: Limits) -> Tables:
    try:
        from streamspec.harness.transports._http2_tables import Tables
    except ImportError as missing:
        raise UsageError("HTTP/2 and gRPC need an extra: pip install streamspec[grpc]") from missing
    return Tables(limits.head_bytes)


@functools.lru_cache(maxsize=1)
def _default_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols([ALPN])
    return context


def transport(
    name: str,
    schemes: tuple[str, ...],
    versions: tuple[str, ...],
    tls: ssl.SSLContext | None = None,
    where: Where = itself,
) -> Transport:
    """HTTP/2 that trusts what `tls` trusts, and offers what it offers (else what the system trusts, and `h2`), and
    connects `where` a target is led."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        address = address_of(request.url, _PORTS)
        _fields(request)  # what cannot be sent is said before anything is
        tables = _tables(limits)
        context = (tls or _default_tls()) if _SPOKEN[address.scheme] == "https" else None
        connection = await reached(request, address.host, address.port, where, connect_ms, context)
        if isinstance(connection, RefusedExchange):
            return connection
        if context is not None and connection.alpn != ALPN:
            await connection.close()
            agreed = repr(connection.alpn) if connection.alpn else "nothing"
            return RefusedExchange(Refused("not-http", f"TLS agreed on {agreed} (ALPN), and not on {ALPN}"))
        return Link(connection, tables, limits, _fields, request.pieces).open(request)

    return Transport(
        name, schemes, open_exchange, lambda led: transport(name, schemes, versions, tls, led), versions=versions
    )


def over_tls(context: ssl.SSLContext) -> Transport:
    """HTTP/2 for https:// URLs that trusts what this context trusts."""
    context.set_alpn_protocols([ALPN])
    return transport("http2", ("https",), ("2",), context)


HTTP2: Final = transport("http2", tuple(HTTP_PORTS), ("2",))
GRPC: Final = transport("grpc", _GRPC, ("1.0", "1.1", "2"))  # the scheme has named the version already
