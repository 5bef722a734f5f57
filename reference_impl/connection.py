"""uvicorn's HTTP/1.1 protocol, which shows applications what ASGI keeps from them: their connection, for variants.

Never here: what anybody does with that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


@dataclass(slots=True)
class Connection:
    """The socket, with what error the connection was lost, if any, and how often something came. Stands under
    `connection` in a scope's state."""

    socket: Any
    lost: Exception | None = None
    arrivals: int = 0


class Http(H11Protocol):
    """One connection. `misunderstood` is called when a request cannot be read: no application hears of that one."""

    def __init__(self, misunderstood: Callable[[], None], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._misunderstood = misunderstood

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._connection = Connection(transport.get_extra_info("socket"))
        self.app_state = {**self.app_state, "connection": self._connection}

    def data_received(self, data: bytes) -> None:
        self._connection.arrivals += 1
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.lost = exc
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._misunderstood()
        super().send_400_response(msg)
