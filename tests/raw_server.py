"""Servers that answer with exact octets: what a hostile or broken target looks like, over real loopback sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Handler = Callable[[socket.socket], None]

SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
CHUNKED_HEAD = SSE_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(n: int) -> bytes:
    return b'data: {"n":%d}\n\n' % n


@contextlib.contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """A URL at which each connection is handed to `handler` in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_now: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_now.append(connection)
                threading.Thread(target=_handle, args=(handler, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_now:
            connection.close()


def _handle(handler: Handler, connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection:
        handler(connection)


def request(connection: socket.socket) -> bytes:
    """The request's head, read whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65_536)):
            break
        data += more
    return data


def path(head: bytes) -> str:
    return head.split(b" ", 2)[1].decode() if head.count(b" ") >= 2 else ""


def answering(*pieces: bytes) -> Handler:
    """Reads the request, sends the pieces, closes."""

    def handler(connection: socket.socket) -> None:
        request(connection)
        for piece in pieces:
            connection.sendall(piece)

    return handler


def flooding(first: bytes, then: bytes) -> Handler:
    """Reads the request, sends `first`, then `then` for ever (until the peer has enough)."""

    def handler(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(first)
        while True:
            connection.sendall(then)

    return handler
