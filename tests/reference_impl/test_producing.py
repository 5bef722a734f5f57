"""A handler's life around a stream in tasks: however it ends, its stream ends, and only its log learns why."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from shells import ASYNC, IDS, rest
from stream_stories import run

from streamspec.reference_impl.stream.dialect import Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.producing import end_after_handler, produce_async
from streamspec.reference_impl.stream.table import Phase

Turns = Callable[[], Awaitable[None]]
Make = Callable[..., Any]

UNENDED = (Code.INTERNAL, "the handler returned without ending its stream")
FAILED = (Code.INTERNAL, "the handler failed")
STOPPED = (Code.UNAVAILABLE, "the producer was stopped")


@pytest.fixture(params=ASYNC, ids=IDS)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param.make  # type: ignore[no-any-return]


async def for_ever() -> int:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


async def breaks() -> int:
    raise PermissionError("password 'correct horse' refused")


def test_a_handler_sends_and_completes(make: Make) -> None:
    async def handler(stream: Any) -> None:
        await stream.send(1)
        await stream.send(2)
        stream.complete()

    async def story() -> None:
        stream = make()
        await produce_async(stream, handler)
        assert rest(stream) == [1, 2, END]

    run(story())


def test_a_plain_function_is_a_handler_too(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        stream = make()
        await produce_async(stream, lambda stream: stream.complete())
        assert rest(stream) == [END]

    caplog.set_level(logging.INFO, "streamspec.reference")
    run(story())
    assert caplog.records == []


def test_a_handler_that_returns_without_ending_its_stream_fails_it_after_its_items(make: Make) -> None:
    async def handler(stream: Any) -> None:
        await stream.send(1)

    async def story() -> None:
        stream = make()
        await produce_async(stream, handler)
        assert rest(stream) == [1, UNENDED]

    run(story())


class _OutOfStockError(Exception):
    code = "NOT_FOUND"
    message = "no such shelf"


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        (PermissionError("password 'correct horse' refused"), FAILED),
        (StreamError(Code.RESOURCE_EXHAUSTED, "too many shelves"), (Code.RESOURCE_EXHAUSTED, "too many shelves")),
        (_OutOfStockError(), (Code.NOT_FOUND, "no such shelf")),
    ],
    ids=["a stranger's", "the stream's own", "a stranger's with a code"],
)
def test_what_a_handler_raises_is_its_streams_error(make: Make, raised: Exception, shown: object) -> None:
    async def handler(stream: Any) -> None:
        await stream.send(1)
        raise raised

    async def story() -> None:
        stream = make()
        await produce_async(stream, handler)
        assert rest(stream) == [1, shown]

    run(story())


def test_whoever_runs_the_handler_can_read_what_its_consumer_may_not(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(stream: Any) -> None:
        await breaks()

    async def story() -> None:
        await produce_async(make(), handler)

    caplog.set_level(logging.INFO, "streamspec.reference")
    run(story())
    assert [record.message for record in caplog.records] == ["a producer failed"]
    assert "correct horse" in caplog.text


def test_cancelled_of_its_own_cancelled_stream_is_no_news(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(stream: Any) -> None:
        stream.cancel()  # as a consumer would
        await stream.send(1)

    async def story() -> None:
        stream = make()
        await produce_async(stream, handler)
        assert stream.state is Phase.CANCELLED

    caplog.set_level(logging.INFO, "streamspec.reference")
    run(story())
    assert caplog.records == []


@pytest.mark.parametrize("ending", ["complete", "cancel"])
def test_what_a_handler_raises_after_the_end_changes_nothing(make: Make, ending: str) -> None:
    async def handler(stream: Any) -> None:
        getattr(stream, ending)()
        await breaks()

    async def story() -> None:
        stream = make()
        await produce_async(stream, handler)
        assert stream.state is {"complete": Phase.COMPLETED, "cancel": Phase.CANCELLED}[ending]

    run(story())


def test_not_even_where_an_error_after_the_end_would_win(make: Make) -> None:
    async def handler(stream: Any) -> None:
        await stream.send(1)
        stream.complete()
        await breaks()

    async def story() -> None:
        stream = make(dialect=Dialect(error_after_complete="override"))
        await produce_async(stream, handler)
        assert rest(stream) == [1, END]

    run(story())


def test_a_stream_that_has_ended_runs_no_handler(make: Make) -> None:
    async def story() -> None:
        expired, cancelled, completed, draining = make(deadline_s=0), make(), make(), make()
        cancelled.cancel()
        completed.complete()
        await draining.send(1)
        draining.complete()
        for stream in (expired, cancelled, completed, draining):
            before = stream.state
            await produce_async(stream, lambda _: pytest.fail("the handler ran"))
            assert stream.state is before is not Phase.OPEN

    run(story())


def test_a_producer_whose_task_is_cancelled_ends_its_stream_and_stays_cancelled(make: Make, turns: Turns) -> None:
    async def handler(stream: Any) -> None:
        await stream.send(1)
        await for_ever()

    async def story() -> None:
        stream = make()
        producing = asyncio.create_task(produce_async(stream, handler))
        await turns()
        producing.cancel()
        await turns()
        assert producing.cancelled()
        assert rest(stream) == [1, STOPPED]

    run(story())


def test_a_handler_that_awaited_something_cancelled_has_failed_and_nothing_more(make: Make) -> None:
    async def handler(stream: Any) -> None:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    async def story() -> None:
        stream = make()
        await produce_async(stream, handler)
        assert rest(stream) == [FAILED]

    run(story())


@pytest.mark.parametrize("exit_of_all", [KeyboardInterrupt, SystemExit])
def test_an_exit_of_the_process_ends_the_stream_and_goes_on(make: Make, exit_of_all: type[BaseException]) -> None:
    async def handler(stream: Any) -> None:
        raise exit_of_all

    async def story() -> None:
        stream = make()
        with pytest.raises(exit_of_all):
            await produce_async(stream, handler)
        assert rest(stream) == [STOPPED]

    run(story())


def test_how_a_stream_ends_after_its_handler_is_a_part_that_can_be_replaced(make: Make) -> None:
    async def returns(stream: Any) -> None:
        pass

    async def story() -> None:
        seen: list[BaseException | None] = []
        for handler in (returns, lambda _: breaks()):
            await produce_async(make(), handler, lambda _, raised: seen.append(raised))
        assert [type(raised) for raised in seen] == [type(None), PermissionError]

    run(story())


def test_an_end_that_another_thread_was_quicker_with_is_left_alone() -> None:
    class Raced:
        state = Phase.OPEN  # seen before the other thread's call

        def error(self, failure: BaseException) -> None:
            raise StreamError(Code.UNAVAILABLE, "stream is closed")

    end_after_handler(Raced(), None)  # type: ignore[arg-type]  # no more of a stream than is looked at
