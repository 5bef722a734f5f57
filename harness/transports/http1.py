"""HTTP/1.x over a `Connection`: one request out, one observed answer in.

It must never judge, follow a redirect, decode content, half-close, or wait beyond `connect_ms`: other time
belongs to the session. What the target does is an event; only a request that cannot be sent is
an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Refused
from streamspec.harness.core.inert import octets
from streamspec.harness.core.ports import Transport
from streamspec.harness.core.unopened import RefusedExchange
from streamspec.harness.transports.address import HTTP_PORTS, address_of, itself
from streamspec.harness.transports.http1_framing import BodyObserver
from streamspec.harness.transports.http1_head import TOKEN, HeadObserver
from streamspec.harness.transports.reaching import reached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Body, Connection, Exchange, Request, Where

_PIECE_PAUSE_S: Final = 0.001  # between two segments of a request that is cut


def request_bytes(request: Request) -> bytes:
    """The request as it goes out. Raises `UsageError` for what would break out of its line."""
    address = address_of(request.url)
    if not TOKEN.fullmatch(latin1("the method", request.method)):
        raise UsageError(f"the method is no token: {request.method!r}")
    given = {name.lower() for name, _ in request.headers}
    headers = list(request.headers)
    if "host" not in given:
        headers.insert(0, ("Host", address.authority))
    # RFC 9110 §8.6: a POST, PUT or PATCH without content says so.
    if (request.body or request.method in {"POST", "PUT", "PATCH"}) and not given & {
        "content-length",
        "transfer-encoding",
    }:
        headers.append(("Content-Length", str(len(request.body))))
    lines = [latin1("the request line", f"{request.method} {address.path} HTTP/{request.version}")]
    for name, value in headers:
        if not TOKEN.fullmatch(latin1("a header name", name)):
            raise UsageError(f"a header name is no token: {name!r}")
        lines.append(name.encode("ascii") + b": " + latin1(f"the header {name}", value))
    if request.malformed:
        lines.append(b"streamspec sends this line without a colon")
    return b"\r\n".join([*lines, b"", b""]) + request.body


def latin1(what: str, text: str) -> bytes:
    """The text's octets; never shows them, for a header may be a secret."""
    if any(octet in text for octet in "\r\n\0"):
        raise UsageError(f"{what} contains CR, LF or NUL")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise UsageError(f"{what} contains characters beyond Latin-1") from None


class Http1Exchange:
    """One request and its answer (`core.ports.Exchange`)."""

    def __init__(self, connection: Connection, octets: bytes, method: str, limits: Limits, pieces: int = 0) -> None:
        self._connection = connection
        self._method = method
        self._limits = limits
        self._head: HeadObserver | None = HeadObserver(limits)
        self._body: BodyObserver | None = None
        self._over = False
        # A server may answer before it has read a long request, so sending must not stand before receiving.
        self._sending = asyncio.get_running_loop().create_task(self._send(octets, pieces))

    @property
    def buffered_bytes(self) -> int:
        observer = self._body or self._head
        return observer.buffered_bytes if observer else 0

    async def receive(self) -> Sequence[Event | Body]:
        while not self._over:
            try:
                data = await self._connection.receive(self._limits.receive_bytes)
            except ConnectionAbortedError:  # our own close or abort, from another task
                self._over = True
                break
            except ConnectionError as error:
                return self._reset(str(error))
            if events := self._read(data) if data else self._eof():
                return events
        return ()

    async def close(self) -> None:
        self._over = True
        self._sending.cancel()
        await self._connection.close()

    def abort(self) -> None:
        self._over = True
        self._sending.cancel()
        self._connection.abort()

    def _read(self, data: bytes) -> Sequence[Event | Body]:
        if self._body is not None:
            return self._body.feed(data)
        assert self._head is not None
        head = self._head.feed(data)
        if head is None:
            return ()
        if isinstance(head, Refused):
            self._over = True
            if head.why == "not-http":
                head = Refused("not-http", f"{head.detail}; there came {octets(data)}")
            return (head,)
        self._head = None
        self._body = BodyObserver(head.opened, self._method, head.size, self._limits)
        return (head.opened, *head.deviations, *self._body.feed(head.rest))

    def _eof(self) -> Sequence[Event | Body]:
        self._over = True
        if self._body is not None:
            return (*self._body.end(), Closed("eof"))
        assert self._head is not None
        return (self._head.end(),)

    def _reset(self, detail: str) -> Sequence[Event | Body]:
        self._over = True
        return (Refused("reset", detail),) if self._body is None else (Closed("reset", detail),)

    async def _send(self, octets: bytes, pieces: int) -> None:
        # When the peer is gone, the receiving side sees the same end, after what came before it.
        with contextlib.suppress(ConnectionError):
            await send_in_pieces(self._connection, octets, pieces)


async def send_in_pieces(connection: Connection, data: bytes, pieces: int) -> None:
    """Each segment of so many octets, 0 leaves that to the system. Raises `ConnectionError` when the peer is gone."""
    for at in range(0, len(data), pieces or len(data) or 1):
        if at:  # or the system would join two segments
            await asyncio.sleep(_PIECE_PAUSE_S)
        await connection.send(data[at : at + (pieces or len(data))])


@functools.lru_cache(maxsize=1)
def default_tls() -> ssl.SSLContext:
    """Trusts what the system trusts, and speaks HTTP/1.1 alone."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def transport(tls: ssl.SSLContext | None = None, where: Where = itself) -> Transport:
    """HTTP/1.1 that trusts what `tls` trusts (else what the system trusts), and connects `where` a target is led."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        address, octets = address_of(request.url), request_bytes(request)
        context = (tls or default_tls()) if address.scheme == "https" else None
        connection = await reached(request, address.host, address.port, where, connect_ms, context)
        if isinstance(connection, RefusedExchange):
            return connection
        return Http1Exchange(connection, octets, request.method, limits, request.pieces)

    return Transport("http1", tuple(HTTP_PORTS), open_exchange, lambda led: transport(tls, led))


HTTP1: Final = transport()
