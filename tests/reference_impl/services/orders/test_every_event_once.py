"""Whatever happens to orders and connections, a client that resumes sees every event once, in order; and an export is
cut where records are, never inside one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from orders_client import PAID, Client, events, lines, open_shop
from stream_stories import run

from streamspec.reference_impl.services.orders.order import STATUSES, Change, Conflict

if TYPE_CHECKING:
    import asyncio

    from orders_client import Shop


@dataclass(frozen=True, slots=True)
class Made:
    """A new order."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The order of this number, if there is one and it may be."""

    number: int
    status: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection breaks: of what was written on it, the client has had all but this many events."""

    events: int


@dataclass(frozen=True, slots=True)
class Read:
    """The client reads all there is."""


ACTS = st.lists(
    st.one_of(
        st.just(Made()),
        st.builds(Changed, st.integers(1, 6), st.sampled_from(STATUSES)),
        st.builds(Lost, st.integers(0, 3)),
        st.just(Read()),
    ),
    max_size=25,
)


class Follower:
    """A client that goes on behind the last event it had, on one connection after the other."""

    def __init__(self, shop: Shop, terms: str) -> None:
        self._shop = shop
        self._terms = terms
        self.had: list[dict[str, str]] = []
        self._connection: tuple[Client, asyncio.Task[None]] = self._connect()

    def _connect(self) -> tuple[Client, asyncio.Task[None]]:
        last = [("last-event-id", self.had[-1]["id"])] if self.had else []
        return self._shop.begin(f"/v1/orders/events?after=0&{self._terms}", headers=last)

    async def read_all(self) -> None:
        due = self._shop.desk.store.kept().newest - len(self.had)
        await self._connection[0].until(b"data: ", due)

    async def leave(self, unread: int = 0) -> None:
        client, asking = self._connection
        client.left.set()
        await asking
        came = events(client.body)
        self.had += came[: max(0, len(came) - unread)]

    async def lose(self, unread: int) -> None:
        await self.leave(unread)
        self._connection = self._connect()


async def act(shop: Shop, acts: list[Made | Changed | Lost | Read], follower: Follower) -> None:
    store = shop.desk.store
    for one in acts:
        match one:
            case Made():
                await shop.desk.write(partial(store.create, PAID))
            case Changed():
                try:
                    await shop.desk.write(partial(store.change, one.number, Change(status=one.status)))
                except Conflict:
                    continue
            case Lost():
                await follower.lose(one.events)
            case Read():
                await follower.read_all()


@settings(max_examples=60, deadline=None)
@given(ACTS, st.integers(1, 3), st.integers(1, 3))
def test_a_client_that_resumes_sees_every_event_once_and_in_order(
    acts: list[Made | Changed | Lost | Read], buffer: int, batch: int
) -> None:
    async def story() -> None:
        async with open_shop() as shop:
            follower = Follower(shop, f"buffer_size={buffer}&batch_size={batch}")
            await act(shop, acts, follower)
            await follower.read_all()
            await follower.leave()
            store = shop.desk.store
            kept = store.events(0, 100)
            assert [(event["id"], event["event"], event["data"]) for event in follower.had] == [
                (str(event.id), event.name, event.data) for event in kept
            ]
            assert [event.id for event in kept] == list(range(1, store.kept().newest + 1))

    run(story())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 12), st.integers(1, 5), st.integers(1, 5), st.sampled_from(["typed", "flat"]))
def test_every_piece_that_is_written_is_whole_records(orders: int, batch: int, buffer: int, shape: str) -> None:
    async def story() -> None:
        async with open_shop(orders) as shop:
            terms = f"batch_size={batch}&buffer_size={buffer}&records={shape}"
            answer = await shop.ask(f"/v1/orders/stream?{terms}")
            pieces = [message["body"] for message in answer.sent[1:]]
            found = [record for piece in pieces for record in lines(piece)]
            ids = [record["id"] for record in found if "id" in record]
            assert ids == [f"order-{n}" for n in range(1, orders + 1)]
            end = found[-1]
            assert end.get("processed", end.get("totalProcessed")) == orders

    run(story())
