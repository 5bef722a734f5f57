"""The exchange of a connection, or of a stream on one, that never came about.

Never here: why it did not (whoever makes one knows), or a socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.event import Event, Refused
    from streamspec.harness.core.ports import Body


class RefusedExchange:
    """Says once that it was refused (`core.ports.Exchange`)."""

    def __init__(self, refused: Refused) -> None:
        self._events: tuple[Event, ...] = (refused,)

    async def receive(self) -> Sequence[Event | Body]:
        events, self._events = self._events, ()
        return events

    async def close(self) -> None:
        self._events = ()

    def abort(self) -> None:
        self._events = ()
