"""uvicorn's HTTP/1.1 protocol, which shows applications what ASGI keeps from them: their connection, for variants.

Never here: what anybody does with that.
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_S: Final = 10.0  # for the rest of a request's head, when some of it has come
LEFT: Final = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)  # the last one where there is one


@dataclass(slots=True)
class Connection:
    """The socket, with what error the connection was lost, if any, and how often something came. Stands under
    `connection` in a scope's state."""

    socket: Any
    lost: Exception | None = None
    arrivals: int = 0

    def is_gone(self) -> bool:
        return has_left(self.socket)


def has_left(connected: Any) -> bool:
    """Whether the other end of a socket has closed or reset it, as far as the system knows, with nothing read."""
    look = select.poll()
    try:
        look.register(connected, LEFT)
        return any(found & (LEFT | select.POLLNVAL) for _, found in look.poll(0))
    except ValueError:  # it is closed here
        return True


class Http(H11Protocol):
    """One connection. `misunderstood` is called when a request cannot be read: no application hears of that one."""

    def __init__(self, misunderstood: Callable[[], None], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._misunderstood = misunderstood
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._connection = Connection(transport.get_extra_info("socket"))
        self.app_state = {**self.app_state, "connection": self._connection}

    def data_received(self, data: bytes) -> None:
        self._connection.arrivals += 1
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HEAD_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._connection.lost = exc
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._misunderstood()
        super().send_400_response(msg)
