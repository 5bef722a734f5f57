"""An inlet: what waits, what ends, what breaks off, and what of it a handler is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from streamspec.reference_impl.credit import Credit
from streamspec.reference_impl.envelopes import MOST_CREDIT
from streamspec.reference_impl.inlet import Inlet, no_items
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END

Turns = Callable[[], Awaitable[Any]]


def played(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


def test_items_come_in_order_and_then_the_end() -> None:
    async def story() -> None:
        inlet = Inlet()
        await inlet.put("1")
        await inlet.put("2")
        inlet.end()
        assert inlet.is_ended
        known = [inlet.input]  # the handler does not know yet
        assert [await inlet.take() for _ in range(4)] == ["1", "2", END, END]
        assert [*known, inlet.input] == ["open", "ended"]

    played(story)


def test_a_full_inlet_holds_back_and_one_take_lets_one_in(turns: Turns) -> None:
    async def story() -> None:
        inlet = Inlet(2)
        await inlet.put("1")
        assert inlet.has_room()
        await inlet.put("2")
        waiting = [asyncio.create_task(inlet.put(item)) for item in ("3", "4")]
        await turns()
        assert not inlet.has_room()
        assert [task.done() for task in waiting] == [False, False]
        assert await inlet.take() == "1"
        await turns()
        assert [task.done() for task in waiting] == [True, False]
        inlet.leave()
        await asyncio.gather(*waiting)

    played(story)


@pytest.mark.parametrize("half_closed", [False, True])
def test_what_breaks_off_is_never_at_its_end(half_closed: bool) -> None:  # noqa: FBT001 -- a case
    async def story() -> None:
        inlet = Inlet()
        await inlet.put("1")
        if half_closed:
            inlet.end()
        inlet.break_off()
        assert inlet.input == "broken"
        with pytest.raises(StreamError) as told:
            await inlet.take()
        assert told.value.code is Code.CANCELLED
        await inlet.put("2")  # which nobody will take
        assert inlet.input == "broken"

    played(story)


def test_a_half_close_that_was_there_with_nothing_before_it_does_not_hide_a_break() -> None:
    async def story() -> None:
        inlet = Inlet()
        inlet.end()
        inlet.break_off()
        with pytest.raises(StreamError):
            await inlet.take()
        assert inlet.input == "broken"

    played(story)


def test_whoever_waits_for_an_item_learns_of_the_break(turns: Turns) -> None:
    async def story() -> None:
        inlet = Inlet()
        taking = asyncio.create_task(inlet.take())
        await turns()
        inlet.break_off()
        with pytest.raises(StreamError):
            await taking

    played(story)


def test_an_end_that_was_read_stays_one() -> None:
    async def story() -> None:
        inlet = Inlet()
        inlet.end()
        assert await inlet.take() is END
        inlet.break_off()
        assert inlet.input == "ended"

    played(story)


def test_nobody_takes_any_more_and_nothing_is_held_back(turns: Turns) -> None:
    async def story() -> None:
        inlet = Inlet(1)
        await inlet.put("1")
        waiting = asyncio.create_task(inlet.put("2"))
        await turns()
        inlet.leave()
        await waiting
        await inlet.put("3")
        assert inlet.input == "open"

    played(story)


def test_one_item_is_taken_when_it_is_whole(turns: Turns) -> None:
    async def story() -> None:
        inlet = Inlet(one=True)
        whole = asyncio.create_task(inlet.whole())
        await inlet.put("1")
        await turns()
        assert not whole.done()
        inlet.end()
        await whole
        assert inlet.input == "ended"
        assert await inlet.take() == "1"

    played(story)


def test_no_item_and_two_are_not_one() -> None:
    async def story() -> None:
        inlet = Inlet(one=True)
        with pytest.raises(StreamError, match="none"):
            inlet.end()
        await inlet.put("1")
        with pytest.raises(StreamError, match="more"):
            await inlet.put("2")

    played(story)


@pytest.mark.parametrize("over", [Inlet.break_off, Inlet.leave])
def test_an_item_that_never_comes_is_waited_for_in_vain(turns: Turns, over: Callable[[Inlet], None]) -> None:
    async def story() -> None:
        inlet = Inlet(one=True)
        whole = asyncio.create_task(inlet.whole())
        await turns()
        over(inlet)
        with pytest.raises(StreamError) as told:
            await whole
        assert told.value.code is Code.CANCELLED

    played(story)


def test_a_client_that_has_nothing_to_say_is_at_its_end() -> None:
    async def story() -> None:
        inlet = no_items()
        assert (inlet.input, inlet.is_ended) == ("ended", True)
        assert await inlet.take() is END
        await inlet.whole()

    played(story)


def test_each_item_that_is_taken_is_told() -> None:
    async def story() -> None:
        inlet, taken = Inlet(), list[int]()
        inlet.on_take = lambda: taken.append(1)
        await inlet.put("1")
        inlet.end()
        assert [await inlet.take(), await inlet.take()] == ["1", END]
        assert taken == [1]

    played(story)


def test_credit_is_waited_for_item_by_item(turns: Turns) -> None:
    async def story() -> None:
        credit = Credit(1)
        assert credit.counts
        assert await credit.take()
        waiting = asyncio.create_task(credit.take())
        await turns()
        assert not waiting.done()
        credit.grant(0)
        await turns()
        assert not waiting.done()
        credit.grant(1)
        assert await waiting
        waiting = asyncio.create_task(credit.take())
        await turns()
        credit.close()
        assert not await waiting

    played(story)


def test_credit_is_no_more_than_the_most_and_without_end_where_nobody_counts() -> None:
    async def story() -> None:
        credit = Credit(MOST_CREDIT)
        credit.grant(MOST_CREDIT)
        assert await credit.take()
        endless = Credit(None)
        endless.grant(0)
        assert not endless.counts
        assert [await endless.take() for _ in range(3)] == [True] * 3

    played(story)
