"""How fast records go, and how far a stream runs ahead of whoever reads it."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orders_client import PAID, open_desk
from stream_stories import run

from streamspec.reference_impl.services.orders.producers import BEHIND_S, Pace
from streamspec.reference_impl.services.orders.store import Database
from streamspec.reference_impl.services.orders.terms import UNIT_S, Rate
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Sequence


def sent_at(rate: Rate, delays_s: Sequence[float], late_s: float = 0.0) -> list[float]:
    """When records go, of which each is ready so long after the one before has gone. Whoever waits is so late."""
    now, times = 0.0, []
    pace = Pace(rate, lambda: now)
    for delay_s in delays_s:
        now += delay_s
        if wait_s := pace.wait_s():
            now += wait_s + late_s
        times.append(now)
    return times


def test_a_stream_without_a_rate_never_waits() -> None:
    assert Pace(None, lambda: 0.0).wait_s() == 0


def test_records_go_at_their_rate_from_the_first_on() -> None:
    assert sent_at(Rate(2), [0.0] * 4) == [0.0, 0.5, 1.0, 1.5]
    assert sent_at(Rate(1, 60), [0.0, 0.0]) == [0.0, 60.0]


@pytest.mark.parametrize("count", [10, 1_000, 10_000, 100_000])
def test_a_clock_that_wakes_late_takes_nothing_from_the_rate(count: int) -> None:
    times = sent_at(Rate(count), [0.0] * 2 * count, late_s=0.0015)
    assert times[-1] == pytest.approx(2, rel=0.06)


def test_a_stream_makes_up_for_a_tenth_of_a_second_and_no_more() -> None:
    times = sent_at(Rate(100), [0.0, 5.0, *[0.0] * 30])
    assert times[1:11] == [5.0] * 10
    assert times[11] == pytest.approx(5.0, abs=1e-6)
    assert times[12:15] == pytest.approx([5.01, 5.02, 5.03])


@given(
    st.integers(1, 100_000),
    st.sampled_from([seconds for _, seconds in UNIT_S]),
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_second_has_more_records_than_the_rate_allows_and_a_tenth(
    count: int, unit_s: int, delays_s: list[float]
) -> None:
    rate = Rate(count, unit_s)
    times = sent_at(rate, delays_s)
    allowed = (1 + BEHIND_S) * count / unit_s + 2  # one at either edge of the second
    assert all(sum(begin <= time <= begin + 1 for time in times) <= allowed for begin in times)


def test_a_database_that_fails_tells_strangers_nothing_of_itself() -> None:
    async def story() -> None:
        async with open_desk() as desk:

            def fail() -> None:
                raise sqlite3.OperationalError("disk I/O error in /srv/orders.db")

            with pytest.raises(StreamError) as raised:
                await desk.read(fail)
            assert (raised.value.code, raised.value.message) == (Code.INTERNAL, "the order store failed")

    run(story())


def test_writes_wait_up_to_a_limit_and_the_next_one_is_refused_undone() -> None:
    async def story() -> None:
        store = Database()
        async with open_desk(store) as desk:
            desk_of_two = type(desk)(store, most_writes=2)
            with store._writing:  # no write goes on
                waiting = [asyncio.create_task(desk_of_two.write(partial(store.create, PAID))) for _ in range(2)]
                await asyncio.sleep(0)
                with pytest.raises(StreamError) as raised:
                    await desk_of_two.write(partial(store.create, PAID))
            assert raised.value.code is Code.RESOURCE_EXHAUSTED
            assert [order.number for order in await asyncio.gather(*waiting)] == [1, 2]
            assert (await desk_of_two.write(partial(store.create, PAID))).number == 3
            await asyncio.to_thread(desk_of_two.close)

    run(story())


def test_a_write_whose_client_has_left_is_done_and_heard_of() -> None:
    async def story() -> None:
        async with open_desk() as desk:
            turn = asyncio.Event()
            assert isinstance(desk.store, Database)
            with desk.following(turn):
                with desk.store._writing:
                    writing = asyncio.create_task(desk.write(partial(desk.store.create, PAID)))
                    await asyncio.sleep(0)
                    writing.cancel()
                    await asyncio.wait({writing})
                await turn.wait()
            assert desk.store.kept().newest == 1

    run(story())


def test_closing_a_desk_closes_its_store() -> None:
    async def story() -> None:
        store = Database()
        async with open_desk(store):
            pass
        with pytest.raises(sqlite3.ProgrammingError):
            store.order(1)

    run(story())
