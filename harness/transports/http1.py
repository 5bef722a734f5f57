"""HTTP/1.x over a `Connection`: one request out, one observed answer in.

It must never judge, follow a redirect, decode content, half-close, or wait beyond `connect_ms`: other time
belongs to the session. What the target does is an event; only a request that cannot be sent is
an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Refused
from streamspec.harness.core.inert import octets
from streamspec.harness.core.ports import Transport
from streamspec.harness.transports import tcp
from streamspec.harness.transports.http1_framing import BodyObserver
from streamspec.harness.transports.http1_head import TOKEN, HeadObserver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Body, Connection, Exchange, Request, Where

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+")
_PIECE_PAUSE_S: Final = 0.001  # between two segments of a request that is cut
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes: `authority` is the Host field, `path` the request target."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


def address_of(url: str) -> Address:
    """Reads an absolute http(s) URL strictly; raises `UsageError`, which never repeats credentials."""
    # urlsplit would silently remove tabs and line ends, so they are looked for before.
    if _UNSENDABLE.search(url):
        raise UsageError(f"the URL has a blank or a control character: {url!r}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"the URL cannot be read: {error}") from None
    if "@" in parts.netloc:
        raise UsageError("the URL carries credentials; give them as an Authorization header instead")
    if parts.scheme not in _PORTS:
        raise UsageError(f"the URL needs the scheme http or https: {url!r}")
    host = _checked_host(host, url)
    if port == 0:
        raise UsageError(f"port 0 cannot be connected to: {url!r}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise UsageError(f"the URL's path must be percent-encoded ASCII: {url!r}")
    shown = f"[{host}]" if ":" in host else host
    default = _PORTS[parts.scheme]
    authority = shown if port in {None, default} else f"{shown}:{port}"
    return Address(parts.scheme, host, port or default, authority, path)


def _checked_host(host: str, url: str) -> str:
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
            return host
        plain = host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        plain = ""
    if not _HOST.fullmatch(plain):
        raise UsageError(f"the URL has no usable host: {url!r}")
    return plain


def request_bytes(request: Request) -> bytes:
    """The request as it goes out. Raises `UsageError` for what would break out of its line."""
    address = address_of(request.url)
    if not TOKEN.fullmatch(_latin1("the method", request.method)):
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
    lines = [_latin1("the request line", f"{request.method} {address.path} HTTP/{request.version}")]
    for name, value in headers:
        if not TOKEN.fullmatch(_latin1("a header name", name)):
            raise UsageError(f"a header name is no token: {name!r}")
        lines.append(name.encode("ascii") + b": " + _latin1(f"the header {name}", value))
    if request.malformed:
        lines.append(b"streamspec sends this line without a colon")
    return b"\r\n".join([*lines, b"", b""]) + request.body


def _latin1(what: str, text: str) -> bytes:
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
            for at in range(0, len(octets), pieces or len(octets)):
                if at:  # or the system would join two segments
                    await asyncio.sleep(_PIECE_PAUSE_S)
                await self._connection.send(octets[at : at + (pieces or len(octets))])


class RefusedExchange:
    """The exchange of a connection that never was."""

    def __init__(self, refused: Refused) -> None:
        self._events: tuple[Event, ...] = (refused,)

    async def receive(self) -> Sequence[Event | Body]:
        events, self._events = self._events, ()
        return events

    async def close(self) -> None:
        self._events = ()

    def abort(self) -> None:
        self._events = ()


@functools.lru_cache(maxsize=1)
def _default_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _itself(host: str, port: int) -> tuple[str, int]:
    return host, port


def transport(tls: ssl.SSLContext | None = None, where: Where = _itself) -> Transport:
    """HTTP/1.1 that trusts what `tls` trusts (else what the system trusts), and connects `where` a target is led."""

    async def open_exchange(request: Request, limits: Limits, connect_ms: float) -> Exchange:
        address, octets = address_of(request.url), request_bytes(request)
        context = (tls or _default_tls()) if address.scheme == "https" else None
        try:
            connection = await tcp.connect(
                *((address.host, address.port) if request.direct else where(address.host, address.port)),
                tls=context,
                server_hostname=address.host,
                connect_ms=connect_ms,
                receive_buffer_bytes=request.receive_buffer_bytes or None,
            )
        except tcp.NotConnectedError as error:
            return RefusedExchange(error.refused)
        return Http1Exchange(connection, octets, request.method, limits, request.pieces)

    return Transport("http1", tuple(_PORTS), open_exchange, lambda led: transport(tls, led))


HTTP1: Final = transport()
