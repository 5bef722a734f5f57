"""The event loop never waits for the database: every call of it is in a thread, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from orders_client import open_shop
from stream_stories import run

from streamspec.reference_impl.services.orders.store import Database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.services.orders.order import Change, Order, Unreadable
    from streamspec.reference_impl.services.orders.store import Event, Kept, Rows
    from streamspec.reference_impl.services.orders.terms import Query


class Watched(Database):
    """Remembers which threads called what. `gate`, if there is one, holds every batch of an export."""

    def __init__(self) -> None:
        super().__init__()
        self.callers: dict[str, set[int]] = {}
        self.gate: threading.Event | None = None
        self.waits = threading.Event()

    def called(self, name: str) -> None:
        self.callers.setdefault(name, set()).add(threading.get_ident())

    def create(self, draft: Change) -> Order:
        self.called("create")
        return super().create(draft)

    def change(self, number: int, change: Change) -> Order | Unreadable | None:
        self.called("change")
        return super().change(number, change)

    def order(self, number: int) -> Order | Unreadable | None:
        self.called("order")
        return super().order(number)

    def rows(self, query: Query) -> Rows:
        self.called("rows")
        return _Watched(self, super().rows(query))

    def events(self, after: int, most: int) -> Sequence[Event]:
        self.called("events")
        return super().events(after, most)

    def kept(self) -> Kept:
        self.called("kept")
        return super().kept()


class _Watched:
    def __init__(self, store: Watched, rows: Rows) -> None:
        self._store, self._rows = store, rows

    def count(self) -> int:
        self._store.called("count")
        return self._rows.count()

    def take(self, most: int) -> Sequence[Order | Unreadable]:
        self._store.called("take")
        if self._store.gate is not None:
            self._store.waits.set()
            self._store.gate.wait()
        return self._rows.take(most)

    def interrupt(self) -> None:
        self._rows.interrupt()

    def close(self) -> None:
        self._store.called("close")
        self._rows.close()


def test_no_call_of_the_database_is_made_from_the_event_loop() -> None:
    async def story() -> None:
        store = Watched()
        async with open_shop(store=store) as shop:
            await shop.post("/v1/orders", {"total": 1})
            await shop.post("/v1/orders/order-1", {"total": 2}, "PATCH")
            for target in ("order-1", "stream", "export", "events?after=0&limit=1", "events?after=9"):
                await shop.ask(f"/v1/orders/{target}")
            called = {"create", "change", "order", "rows", "count", "take", "close", "events", "kept"}
            assert set(store.callers) == called
            assert not any(threading.get_ident() in callers for callers in store.callers.values())

    run(story())


def test_others_are_served_while_a_query_takes_long() -> None:
    async def story() -> None:
        store = Watched()
        async with open_shop(1, store=store) as shop:
            store.gate = threading.Event()
            _, asking = shop.begin("/v1/orders/stream")
            await asyncio.to_thread(store.waits.wait)
            assert (await shop.ask("/v1/orders/order-1")).status == 200
            assert (await shop.post("/v1/orders", {"total": 1})).status == 201
            assert not asking.done()
            store.gate.set()
            await asking

    run(story())
