"""From threads to tasks: order, ends, and that neither side waits where it must not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from stream_stories import run, turns

from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.outlet import Outlet
from streamspec.reference_impl.services.crossing import carried, carry, received
from streamspec.reference_impl.stream import aio
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.threads import Stream
from streamspec.reference_impl.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S = 10.0


@contextlib.contextmanager
def in_thread(produce: Callable[[], object]) -> Iterator[list[BaseException]]:
    """A producer in a thread of its own, and what it raised."""
    raised: list[BaseException] = []

    def run_it() -> None:
        try:
            produce()
        except BaseException as failure:  # noqa: BLE001 -- the test looks at it
            raised.append(failure)

    thread = threading.Thread(target=run_it, daemon=True)
    thread.start()
    yield raised
    thread.join(LONGEST_S)
    assert not thread.is_alive()


def numbered(n: int, item: object) -> Item:
    return Item(n, str(item))


def outlet_of(capacity: int = 16) -> tuple[aio.Stream[Any], Outlet, Told]:
    stream: aio.Stream[Any] = aio.Stream(capacity)
    told = Told()
    return stream, Outlet(stream, told), told


def test_all_items_of_a_thread_come_in_their_order_and_then_the_end() -> None:
    source: Stream[int] = Stream(3)

    def produce() -> None:
        for n in range(1_000):
            source.send(n)
        source.complete()

    async def story() -> list[int]:
        return [item async for item in received(source)]

    with in_thread(produce) as raised:
        assert run(story()) == list(range(1_000))
    assert raised == []


def test_nothing_is_taken_ahead_of_demand() -> None:
    source: Stream[int] = Stream(2)
    source.send(1)
    source.send(2)

    async def story() -> None:
        items = received(source)
        await turns()
        assert source.buffered_amount == 2
        assert await anext(items) == 1
        await turns()
        assert source.buffered_amount == 1
        await items.aclose()

    run(story())


def test_whoever_waits_for_a_thread_lets_the_loop_go_on() -> None:
    source: Stream[str] = Stream()

    async def story() -> tuple[str, str]:
        waiting = asyncio.ensure_future(anext(received(source)))
        await turns()
        assert not waiting.done()
        await asyncio.to_thread(source.send, "late")
        first = await waiting
        return first, "the loop went on"

    assert run(story()) == ("late", "the loop went on")


def test_a_failure_comes_behind_what_was_accepted() -> None:
    source: Stream[int] = Stream()
    source.send(1)
    source.error(StreamError(Code.NOT_FOUND, "gone"))

    async def story() -> list[object]:
        got: list[object] = []
        try:
            async for item in received(source):
                got.append(item)  # noqa: PERF401 -- what came before the failure counts
        except StreamError as failure:
            got.append(failure.code)
        return got

    assert run(story()) == [1, Code.NOT_FOUND]


def test_leaving_early_cancels_the_source() -> None:
    source: Stream[int] = Stream(1)
    source.send(1)

    async def story() -> None:
        async with contextlib.aclosing(received(source)) as items:
            async for _ in items:
                break

    run(story())
    assert source.state is Phase.CANCELLED


def test_a_task_that_is_cancelled_while_it_waits_cancels_the_source() -> None:
    source: Stream[int] = Stream()

    async def story() -> None:
        waiting = asyncio.ensure_future(anext(received(source)))
        await turns()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(story())
    assert source.state is Phase.CANCELLED


def test_a_source_that_outlives_the_loop_may_still_be_used() -> None:
    source: Stream[int] = Stream()

    async def story() -> asyncio.Future[int]:
        waiting = asyncio.ensure_future(anext(received(source)))
        await turns()
        return waiting

    loop = asyncio.new_event_loop()
    waiting = loop.run_until_complete(story())
    source.send(1)
    loop.run_until_complete(waiting)
    loop.close()
    assert waiting.result() == 1


def test_a_source_is_carried_into_an_outlet_numbered_and_completed() -> None:
    source: Stream[str] = Stream()
    for text in "ab":
        source.send(text)
    source.complete()

    async def story() -> list[object]:
        stream, outlet, _ = outlet_of()
        await carry(source, outlet, numbered)
        return [await stream.receive() for _ in range(3)]

    assert run(story()) == [Item(1, "a"), Item(2, "b"), END]


def test_a_failure_is_raised_and_the_outlet_is_left_open_for_whoever_ends_it() -> None:
    source: Stream[str] = Stream()
    source.error(StreamError(Code.UNAUTHORIZED, "not you"))

    async def story() -> tuple[Code, bool, int]:
        _, outlet, told = outlet_of()
        with pytest.raises(StreamError) as raised:
            await carry(source, outlet, numbered)
        return raised.value.code, outlet.is_open, told.cancelled

    assert run(story()) == (Code.UNAUTHORIZED, True, 0)


def test_a_client_that_leaves_wakes_a_thread_that_waits_though_nothing_is_sent() -> None:
    source: Stream[str] = Stream(0)
    begun = threading.Event()

    def produce() -> None:
        begun.set()
        source.sleep(3600.0)

    async def story() -> Told:
        stream, outlet, told = outlet_of()
        carrying = asyncio.ensure_future(carry(source, outlet, numbered))
        await turns()
        stream.cancel()
        with pytest.raises(StreamError, match="CANCELLED"):
            await carrying
        return told

    with in_thread(produce) as raised:
        assert begun.wait(LONGEST_S)
        assert run(story()).cancelled == 1
    assert [failure.code for failure in raised if isinstance(failure, StreamError)] == [Code.CANCELLED]


def test_a_full_outlet_holds_the_thread_back() -> None:
    source: Stream[int] = Stream(1)
    sent = 0

    def produce() -> None:
        nonlocal sent
        for n in range(100):
            source.send(n)
            sent += 1

    async def story() -> int:
        stream, outlet, _ = outlet_of(2)
        carrying = asyncio.ensure_future(carry(source, outlet, numbered))
        while stream.buffered_amount < 2 or source.buffered_amount < 1:  # noqa: ASYNC110 -- of a thread there is no event
            await asyncio.sleep(0)
        seen = stream.buffered_amount
        stream.cancel()
        with pytest.raises(StreamError, match="CANCELLED"):
            await carrying
        return seen

    with in_thread(produce) as raised:
        assert run(story()) == 2
    assert len(raised) == 1
    assert sent <= 5  # two in the outlet, one on its way, one in the source, and the one whose place became free


def test_around_a_carried_source_only_the_clients_leaving_is_learnt() -> None:
    async def story(cause: str) -> int:
        source: Stream[int] = Stream()
        stream, outlet, told = outlet_of()

        async def leave() -> None:
            async with carried(source, outlet) as items:
                (stream if cause == "client" else source).cancel()
                await anext(items)

        with pytest.raises(StreamError):
            await leave()
        return told.cancelled

    assert run(story("client")) == 1
    assert run(story("source")) == 0
