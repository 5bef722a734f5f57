"""TCP, with TLS on top where asked: a `Connection` on asyncio that buffers little and loses nothing.

It must never know what the octets mean, and never read ahead without bound: a reader that does not read makes
the kernel push back. asyncio's StreamReader forgets what it holds when an RST comes; this one hands it over.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Refused

if TYPE_CHECKING:
    from streamspec.harness.core.event import RefusedWhy

READ_BUFFER_BYTES: Final = 65_536  # reading pauses above this; one read of the same size may come on top
_GOODBYE_S: Final = 0.25  # how long close() waits for the peer's close_notify before it stops being polite


class NotConnectedError(Exception):
    """No connection came about; `refused` says why. Only transports see it: it becomes an event."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


class TcpConnection(asyncio.BufferedProtocol):
    """Both the asyncio protocol and the `Connection` of `core.ports`. Made by `connect`."""

    def __init__(self) -> None:
        # A memoryview, for asyncio's TLS slices what get_buffer gives, and a sliced bytearray is a copy.
        self._scratch = memoryview(bytearray(READ_BUFFER_BYTES))
        self._held = bytearray()
        self._transport: asyncio.Transport | None = None
        self._tls = False
        self._eof = False
        self._error: Exception | None = None
        self._ours = False
        self._finished = False
        self._paused = False
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._gone = asyncio.get_running_loop().create_future()

    @property
    def buffered_bytes(self) -> int:
        return len(self._held)

    @property
    def alpn(self) -> str:
        """What both ends of TLS agreed to speak (RFC 7301); empty when nothing was agreed."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport else None
        return (tls.selected_alpn_protocol() or "") if tls else ""

    # -- what asyncio calls --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tls = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(high=0)  # a send is over when the kernel has it

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 -- asyncio fixes the shape
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        if self._ours:
            return
        self._held += self._scratch[:nbytes]
        if len(self._held) >= READ_BUFFER_BYTES and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._readable)

    def eof_received(self) -> bool:
        self._eof = True
        _wake(self._readable)
        return not self._tls  # our side stays open; TLS has no half-open state

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._eof:  # a FIN that came before the error was the end
            self._eof, self._error = True, exc
        _wake(self._readable)
        _wake(self._writable)
        _wake(self._gone)

    # -- what a Connection offers --------------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        self._raise_if_gone()
        if self._finished:
            raise ConnectionAbortedError("our side is closed")
        assert self._transport is not None
        self._transport.write(data)
        if self._writable is not None:
            await asyncio.shield(self._writable)
            self._raise_if_gone()

    async def receive(self, size: int) -> bytes:
        while not self._held:
            if self._ours:
                raise ConnectionAbortedError("closed by us")
            if self._error is not None:
                raise ConnectionResetError(_words(self._error)) from self._error
            if self._eof:
                return b""
            self._readable = asyncio.get_running_loop().create_future()
            try:
                await self._readable
            finally:
                self._readable = None
        data = bytes(memoryview(self._held)[:size])
        del self._held[:size]
        if self._paused and len(self._held) < READ_BUFFER_BYTES and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def finish(self) -> None:
        """Our half-close: a FIN behind all that was sent, and receiving goes on. Never over TLS, which has no half-open
        state. Raises `ConnectionError` when the peer is gone."""
        self._raise_if_gone()
        assert self._transport is not None
        assert not self._tls
        self._finished = True
        try:
            self._transport.write_eof()
        except OSError as error:
            raise ConnectionResetError(_words(error)) from error

    async def close(self) -> None:
        if (transport := self._leave()) is not None:
            self._finish(transport)
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await asyncio.shield(self._gone)
        except TimeoutError:
            self._drop()
        except asyncio.CancelledError:
            self._drop()
            raise

    def _drop(self) -> None:
        """The end without ceremony."""
        assert self._transport is not None
        self._transport.abort()

    def _finish(self, transport: asyncio.Transport) -> None:
        if transport.get_write_buffer_size():  # cut by ourselves: no orderly end, and it might never flush
            transport.abort()
            return
        if not self._tls:
            # FIN first: closing a socket with unread octets would send an RST alone (RFC 2525 §2.17).
            with contextlib.suppress(OSError):
                transport.write_eof()
        transport.close()

    def abort(self) -> None:
        transport = self._leave()
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def _leave(self) -> asyncio.Transport | None:
        """Our own end, once: nothing is received any more. Answers the transport if it is still open."""
        if self._ours:
            return None
        self._ours = True
        self._held.clear()
        _wake(self._readable)
        return None if self._gone.done() else self._transport

    def _raise_if_gone(self) -> None:
        if self._ours:
            raise ConnectionAbortedError("closed by us")
        if self._gone.done():
            raise ConnectionResetError("gone" if self._error is None else _words(self._error))


async def connect(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    connect_ms: float,
    receive_buffer_bytes: int | None = None,
) -> TcpConnection:
    """A connection, within `connect_ms` for name, TCP and TLS together; raises `NotConnectedError`.

    `receive_buffer_bytes` is SO_RCVBUF, set before the handshake so that the window is never larger.
    """
    stage: RefusedWhy = "unresolved"
    try:
        async with asyncio.timeout(connect_ms / 1000):
            addresses = await _resolve(host, port)
            stage = "unreachable"
            sock = await _tcp(addresses, receive_buffer_bytes)
            stage = "tls" if tls is not None else stage
            return await _established(sock, tls, server_hostname or host)
    except TimeoutError as error:
        what = {"unresolved": "answer", "unreachable": "connection", "tls": "handshake"}[stage]
        raise NotConnectedError(Refused(stage, f"no {what} within {connect_ms:g} ms")) from error


async def _resolve(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    with contextlib.suppress(OSError, ValueError):  # a name; an address needs no thread that looks it up
        socket.inet_pton(socket.AF_INET, host)
        return [(socket.AF_INET, (host, port))]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NotConnectedError(Refused("unresolved", _words(error))) from error
    return [(family, address) for family, _, _, _, address in found]


async def _tcp(addresses: list[tuple[int, tuple[object, ...]]], receive_buffer_bytes: int | None) -> socket.socket:
    """The first address that answers; else the last one's refusal."""
    loop = asyncio.get_running_loop()
    refused = Refused("unresolved", "no address")
    for family, address in addresses:
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family this machine has not
            refused = Refused("unreachable", _words(error))
            continue
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer_bytes is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            here = isinstance(error, ConnectionRefusedError)
            refused = Refused("refused" if here else "unreachable", _words(error))
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise NotConnectedError(refused)


async def _established(sock: socket.socket, tls: ssl.SSLContext | None, hostname: str) -> TcpConnection:
    loop = asyncio.get_running_loop()
    try:
        if tls is None:
            _, connection = await loop.create_connection(TcpConnection, sock=sock)
        else:
            _, connection = await loop.create_connection(
                TcpConnection,
                sock=sock,
                ssl=tls,
                server_hostname=hostname,
                ssl_shutdown_timeout=_GOODBYE_S,
            )
    except (OSError, ValueError) as error:  # ssl.SSLError and CertificateError are among them
        raise NotConnectedError(Refused("tls" if tls is not None else "unreachable", _words(error))) from error
    return connection


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _words(error: Exception) -> str:
    """An error for people, without the number and the class that `str` and `repr` may put in front."""
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error).replace("_", " ").lower()
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
