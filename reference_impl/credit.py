"""`Credit`: how many items a client has said that it takes. Never here: who counts what the client itself may send."""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.envelopes import MOST_CREDIT


class Credit:
    """Of one stream, taken from by one task. `items` None is without end: this client does not count."""

    __slots__ = ("_items", "_news", "_over")

    def __init__(self, items: int | None) -> None:
        self._items = items
        self._news = asyncio.Event()
        self._over = False

    @property
    def counts(self) -> bool:
        """Whether this client takes part in flow control."""
        return self._items is not None

    def grant(self, items: int) -> None:
        """The client takes so many more; more than `MOST_CREDIT` of them are no more than that."""
        if self._items is not None:
            self._items = min(MOST_CREDIT, self._items + items)
            self._news.set()

    def close(self) -> None:
        """Nobody grants any more."""
        self._over = True
        self._news.set()

    async def take(self) -> bool:
        """One item may be sent, as soon as there is credit for it; False when none will come."""
        if self._items is None:
            return True
        while not self._items and not self._over:
            self._news.clear()
            await self._news.wait()
        if self._over:
            return False
        self._items -= 1
        return True
