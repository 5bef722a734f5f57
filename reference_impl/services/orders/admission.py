"""Who is asking, and how many streams each may have open at a time.

A bearer token is a client; where there are no tokens, an address is. A browser's EventSource can send no token, so a
cookie that was given for one lets it read the events, and nothing else. Never here: a status, or what is asked for.
"""

from __future__ import annotations

import contextlib
import hmac
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.credentials import bearer, client_of
from streamspec.reference_impl.routing import header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.binding import Headers

COOKIE: Final = "orders_events"
_PURPOSE: Final = b"read the events of orders"


@dataclass(frozen=True, slots=True)
class Request:
    """The head of one. `address` is the other end of its connection."""

    method: str
    path: str
    query: str
    headers: Headers
    address: str


class Admission:
    """Of one service."""

    def __init__(self, tokens: tuple[str, ...], most_streams: int) -> None:
        self._tokens = tuple(token.encode() for token in tokens)
        self._cookies = tuple(_cookie(token) for token in self._tokens)
        self.most_streams: Final = most_streams
        self._open: Counter[str] = Counter()

    def client(self, request: Request, *, by_cookie: bool = False) -> str | None:
        """Who asks; None for a stranger. A cookie counts only where it may, and nobody has shown a token."""
        if not self._tokens:
            return f"address {request.address}"
        if header(request.headers, "authorization"):
            shown = bearer(request.headers)
            return None if shown is None else client_of(shown, self._tokens)
        return client_of(_shown(request), self._cookies) if by_cookie else None

    def cookie(self, request: Request) -> str:
        """The cookie for whoever has shown a token, as a field's value: no script sees it, no other site sends it."""
        shown = bearer(request.headers) or b""
        return f"{COOKIE}={_cookie(shown).decode()}; Path=/v1/orders/events; HttpOnly; SameSite=Strict"

    @contextlib.contextmanager
    def one_more(self, client: str) -> Iterator[bool]:
        """Whether this client may have one more stream; it is counted until this is left."""
        room = self._open[client] < self.most_streams
        self._open[client] += room
        try:
            yield room
        finally:
            self._open[client] -= room
            if not self._open[client]:
                del self._open[client]


def _shown(request: Request) -> bytes:
    # SimpleCookie would give all of them up for one of another service that it cannot read.
    fields = [value for name, value in request.headers if name == "cookie"]
    pairs = [pair.strip().partition("=") for pair in ";".join(fields).split(";")]
    return next((value.encode() for name, _, value in pairs if name == COOKIE), b"")


def _cookie(token: bytes) -> bytes:
    """Whoever has it cannot tell the token."""
    return hmac.digest(token, _PURPOSE, "sha256").hex().encode()
