"""The scripted streams over a WebSocket: the door (path, credentials, origin) and text messages, each one envelope.

An ASGI 3 application for the scope `websocket`. Never here: frames (the server's), or what becomes of a message
(`multiplex`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from streamspec.reference_impl.bindings import asgi_answers
from streamspec.reference_impl.multiplex import Multiplex, Wanted
from streamspec.reference_impl.routing import SCRIPT, Refused, header
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.envelopes import Message as Text
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.seams import Message, Receive, Seams, Send

PATH: Final = f"{SCRIPT}ws"
DENIES: Final = "websocket.http.response"  # the extension with which a server lets us choose the status
POLICY: Final = 1008  # RFC 6455 7.4.1: a message that violates a policy


def refused(mount: Mount, path: str, headers: Headers) -> Refused | None:
    """Why this handshake is refused; None when it is not."""
    if path != PATH:
        return Refused(404, "there is no such WebSocket")
    origin = header(headers, "origin")
    # A browser shows credentials that it has of us to any page: only to our own may it (RFC 6455 10.2).
    if origin and urlsplit(origin).netloc.lower() != header(headers, "host").lower():
        return Refused(403, "not from this origin")
    return mount.unauthenticated(headers)


async def converse(
    mount: Mount, scope: Message, receive: Receive, send: Send, attend: Callable[[Multiplex], None]
) -> None:
    """One connection. `attend` is handed its streams as they begin, so that a server that stops can tell them."""
    headers = asgi_answers.decoded(scope["headers"])
    await receive()
    if (refusal := refused(mount, scope["path"], headers)) is not None:
        mount.seams.on_refusal()
        await deny(refusal, scope, send)
        return
    await send({"type": "websocket.accept"})

    def find(procedure: str, metadata: Headers) -> Wanted | None:
        # Who asks for a script says in the handshake who it is, and nowhere else.
        return Wanted(mount, procedure, headers if mount.opens is None else (*headers, *metadata))

    streams = Multiplex(find, mount.seams)
    attend(streams)
    socket = _Socket(scope, receive, send, mount.seams)
    streams.arrivals = socket.arrivals()
    await streams.converse(socket)


async def deny(refusal: Refused, scope: Message, send: Send) -> None:
    if DENIES not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    fields = asgi_answers.encoded(refusal.all_headers())
    await send({"type": f"{DENIES}.start", "status": refusal.status, "headers": fields})
    await send({"type": f"{DENIES}.body", "body": refusal.body(), "more_body": False})


class _Socket:
    """A `multiplex.Carrier`."""

    def __init__(self, scope: Message, receive: Receive, send: Send, seams: Seams) -> None:
        self._connection = scope.get("state", {}).get("connection")
        self._receive = receive
        self._send = send
        self._seams = seams
        self._left = False

    async def read(self) -> Text | None:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._left = True
            return None
        text: str | None = message.get("text")
        octets: bytes | None = message.get("bytes")
        return text if text is not None else octets or b""

    async def write(self, message: Text) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", kind: message})

    def is_gone(self) -> bool:
        return self._connection is not None and bool(self._connection.is_gone())

    def arrivals(self) -> int:
        """How often something came until the handshake was there; 0 where no server tells."""
        return 0 if self._connection is None else self._connection.arrivals

    async def close(self, code: Code) -> None:
        if self._left or code is Code.OK:
            return
        number = self._seams.goodbye if code is Code.UNAVAILABLE else POLICY
        try:
            await self._send({"type": "websocket.close", "code": number})
        except OSError:  # it has left meanwhile
            self._left = True
