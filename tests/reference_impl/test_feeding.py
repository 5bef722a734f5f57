"""Feeding a stream from a source in tasks: however either ends, the other is over too, and the source closed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from shells import ASYNC, IDS, rest
from stream_stories import run

from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.producing import feed_async
from streamspec.reference_impl.stream.table import Phase

Turns = Callable[[], Awaitable[None]]
Make = Callable[..., Any]

FAILED = (Code.INTERNAL, "the handler failed")
STOPPED = (Code.UNAVAILABLE, "the producer was stopped")


@pytest.fixture(params=ASYNC, ids=IDS)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param.make  # type: ignore[no-any-return]


class Source:
    """Items, then what `last` does, which may wait; it counts its closings."""

    def __init__(self, *items: int, last: Callable[[], Awaitable[int]] | None = None) -> None:
        self.items = iter(items)
        self.last = last
        self.asked = 0
        self.closed = 0
        self.tasks: set[object] = set()

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> int:
        self.asked += 1
        self.tasks.add(asyncio.current_task())
        for item in self.items:
            return item
        if self.last is None:
            raise StopAsyncIteration
        return await self.last()

    async def aclose(self) -> None:
        self.tasks.add(asyncio.current_task())
        await asyncio.sleep(0)  # a close that is not awaited to its end is not counted
        self.closed += 1


async def for_ever() -> int:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


async def one() -> int:
    return 1


async def breaks() -> int:
    raise PermissionError("password 'correct horse' refused")


def test_a_source_is_sent_in_order_and_then_closed_once(make: Make) -> None:
    async def story() -> None:
        stream, source = make(), Source(1, 2, 3)
        await feed_async(stream, source)
        assert rest(stream) == [1, 2, 3, END]
        assert source.closed == 1

    run(story())


def test_a_plain_iterable_is_a_source_too(make: Make) -> None:
    async def story() -> None:
        stream = make(capacity=3)
        await feed_async(stream, [1, 2, 3])
        assert rest(stream) == [1, 2, 3, END]

    run(story())


def test_a_source_that_raises_fails_its_stream_and_is_closed_once(make: Make) -> None:
    async def story() -> None:
        stream, source = make(), Source(1, last=breaks)
        await feed_async(stream, source)
        assert rest(stream) == [1, FAILED]
        assert source.closed == 1

    run(story())


def test_what_is_no_source_fails_its_stream(make: Make) -> None:
    async def story() -> None:
        stream = make()
        await feed_async(stream, 5)  # type: ignore[arg-type]  # the point of the test
        assert rest(stream) == [FAILED]

    run(story())


@pytest.mark.parametrize("how", ["cancel", "error", "complete"])
def test_an_end_while_the_source_is_waited_for_calls_the_feeding_away(make: Make, turns: Turns, how: str) -> None:
    async def story() -> None:
        called_away: list[bool] = []

        async def waits() -> int:
            try:
                return await for_ever()
            finally:
                called_away.append(True)

        tasks_before = asyncio.all_tasks()
        stream, source = make(), Source(1, last=waits)
        feeding = asyncio.create_task(feed_async(stream, source))
        await turns()
        getattr(stream, how)(*([StreamError(Code.NOT_FOUND, "")] if how == "error" else []))
        await stream.receive() if how == "complete" else None  # drained, so that it is over
        await feeding
        assert (called_away, source.closed) == ([True], 1)
        assert feeding.cancelling() == 0
        assert asyncio.all_tasks() == tasks_before

    run(story())


def test_a_stream_that_ends_while_it_is_full_stops_its_feeding_quietly(make: Make, turns: Turns) -> None:
    async def story() -> None:
        stream, source = make(capacity=1), Source(1, 2, 3)
        feeding = asyncio.create_task(feed_async(stream, source))
        await turns()
        assert not feeding.done()
        stream.cancel()
        await feeding
        assert (source.asked, source.closed) == (2, 1)

    run(story())


def test_an_end_between_two_items_is_seen_before_the_next_is_waited_for(make: Make, turns: Turns) -> None:
    async def story() -> None:
        stream, source = make(capacity=0), Source(1, last=for_ever)
        feeding = asyncio.create_task(feed_async(stream, source))
        await turns()
        # The send has succeeded when the stream ends, and its task has not run since.
        assert stream.poll() == 1
        stream.cancel()
        await feeding
        assert (source.asked, source.closed) == (1, 1)

    run(story())


@pytest.mark.parametrize("then", ["waits", "gives an item", "raises"])
def test_a_source_may_end_its_own_stream_and_is_called_away_after(make: Make, then: str) -> None:
    async def story() -> None:
        stream = make()

        async def turns_away() -> int:
            stream.cancel()
            return await {"waits": for_ever, "gives an item": one, "raises": breaks}[then]()

        source = Source(last=turns_away)
        await feed_async(stream, source)
        assert (source.asked, source.closed) == (1, 1)
        await asyncio.sleep(0)  # a cancel left over would show here

    run(story())


def test_a_source_that_ignores_being_called_away_is_refused_its_next_item(make: Make, turns: Turns) -> None:
    async def story() -> None:
        async def ignores() -> int:
            try:
                return await for_ever()
            except asyncio.CancelledError:
                return 2

        stream, source = make(), Source(1, last=ignores)
        feeding = asyncio.create_task(feed_async(stream, source))
        await turns()
        stream.cancel()
        await feeding
        assert (source.asked, source.closed, feeding.cancelling()) == (2, 1, 0)

    run(story())


@pytest.mark.parametrize("first", ["task", "stream", "task alone"])
def test_a_feeding_whose_task_is_cancelled_is_cancelled_whatever_becomes_of_its_stream(
    make: Make, turns: Turns, first: str
) -> None:
    async def story() -> None:
        stream, source = make(), Source(1, last=for_ever)
        feeding = asyncio.create_task(feed_async(stream, source))
        await turns()
        if first == "stream":
            stream.cancel()
        feeding.cancel()
        if first == "task":
            stream.cancel()
        await turns()
        assert feeding.cancelled()
        assert source.closed == 1
        if first == "task alone":
            assert rest(stream) == [1, STOPPED]

    run(story())


def test_a_source_lives_in_one_task_from_its_first_item_to_its_close(make: Make) -> None:
    async def story() -> None:
        source = Source(1, 2, 3)
        await feed_async(make(), source)
        assert source.tasks == {asyncio.current_task()}

    run(story())


def test_a_stream_is_over_before_its_source_is_closed(make: Make) -> None:
    async def story() -> None:
        phases: list[Phase] = []
        stream = make()

        class Slow(Source):
            async def aclose(self) -> None:
                phases.append(stream.state)

        await feed_async(stream, Slow())
        await feed_async(make_failed := make(), Slow(last=breaks))
        assert phases == [Phase.COMPLETED] * 2
        assert make_failed.state is Phase.ERRORED

    run(story())


def test_a_close_that_raises_is_the_loops_affair_and_not_the_consumers(make: Make) -> None:
    async def story() -> None:
        class Stuck(Source):
            async def aclose(self) -> None:
                raise OSError("the file was gone")

        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        stream = make()
        await feed_async(stream, Stuck(1))
        assert rest(stream) == [1, END]
        assert [str(complaint["exception"]) for complaint in complaints] == ["the file was gone"]

    run(story())


def test_the_source_of_an_ended_stream_is_closed_and_not_asked(make: Make) -> None:
    async def story() -> None:
        stream, source = make(), Source(1)
        stream.cancel()
        await feed_async(stream, source)
        assert (source.asked, source.closed) == (0, 1)

    run(story())


def test_an_iterator_is_closed_before_the_source_it_came_from(make: Make) -> None:
    async def story() -> None:
        closed: list[str] = []

        class Shelf:
            async def __aiter__(self) -> AsyncIterator[int]:
                try:
                    yield 1
                    yield await breaks()
                finally:
                    closed.append("iterator")

            def close(self) -> None:
                closed.append("source")

        await feed_async(make(), Shelf())
        assert closed == ["iterator", "source"]

    run(story())


def test_the_iterator_of_a_plain_iterable_is_closed_too(make: Make) -> None:
    async def story() -> None:
        closed: list[str] = []
        made: list[Iterator[int]] = []  # still known here, so that nobody else closes them

        class Shelf:
            def __iter__(self) -> Iterator[int]:
                made.append(self.numbers())
                return made[-1]

            def numbers(self) -> Iterator[int]:
                try:
                    yield from range(9)
                finally:
                    closed.append("iterator")

            async def aclose(self) -> None:
                closed.append("source")

        stream = make(capacity=1, send_timeout_s=0)
        await feed_async(stream, Shelf())
        assert closed == ["iterator", "source"]

    run(story())


def test_a_source_is_closed_also_when_the_close_of_its_iterator_is_cancelled(make: Make, turns: Turns) -> None:
    async def story() -> None:
        class Iterator(Source):
            async def aclose(self) -> None:
                await for_ever()

        class Shelf(Source):
            def __aiter__(self) -> Source:
                return Iterator(1)

        shelf = Shelf()
        feeding = asyncio.create_task(feed_async(make(), shelf))
        await turns()
        feeding.cancel()
        await turns()
        assert (feeding.cancelled(), shelf.closed) == (True, 1)

    run(story())


def test_a_send_that_times_out_fails_the_stream(make: Make) -> None:
    async def story() -> None:
        stream, source = make(capacity=1, send_timeout_s=0.001), Source(1, 2)
        await feed_async(stream, source)
        assert source.closed == 1
        assert await stream.receive() == 1
        with pytest.raises(StreamError) as caught:
            await stream.receive()
        assert caught.value.code is Code.TIMED_OUT

    run(story())


def test_a_stream_feeds_another_and_hears_of_its_cancel(make: Make, turns: Turns) -> None:
    async def story() -> None:
        upstream, downstream = make(), make()
        feeding = asyncio.create_task(feed_async(downstream, upstream))
        await upstream.send(1)
        assert await downstream.receive() == 1
        downstream.cancel()
        await feeding
        assert upstream.state is Phase.CANCELLED

    run(story())


def test_a_stream_that_is_still_drained_keeps_no_hold_on_its_source(make: Make, turns: Turns) -> None:
    async def story() -> None:
        upstream, downstream = make(), make()
        feeding = asyncio.create_task(feed_async(downstream, upstream))
        await upstream.send(1)
        await turns()
        downstream.complete()
        await upstream.send(2)  # refused below
        await feeding
        del feeding
        await turns()
        assert (downstream.state, upstream.state) == (Phase.DRAINING, Phase.CANCELLED)

    run(story())
