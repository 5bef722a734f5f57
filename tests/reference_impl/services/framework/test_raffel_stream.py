"""RaffelStream: every option, state, method and property of its document, and every sample that it shows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from streamspec.reference_impl.services.framework.raffel_stream import (
    RaffelStream,
    StreamChunk,
    by_priority,
    create_stream,
)
from streamspec.reference_impl.stream.dialect import RAFFEL
from streamspec.reference_impl.stream.errors import Code, StreamError

Turns = Callable[[], Awaitable[Any]]


def played(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 10))


async def left_in(stream: RaffelStream[Any]) -> list[Any]:
    return [value async for value in stream]


def test_the_first_sample_of_the_document() -> None:
    async def story() -> None:
        stream = create_stream(id="my-stream", high_water_mark=16, priority=0)
        await stream.write("hello")
        await stream.write("world")
        stream.end()
        assert await stream.read() == StreamChunk(done=False, value="hello")
        assert await stream.read() == StreamChunk(done=False, value="world")
        assert await stream.read() == StreamChunk(done=True)

    played(story)


def test_or_its_values_are_iterated() -> None:
    async def story() -> None:
        stream = create_stream()
        for word in ("hello", "world"):
            await stream.write(word)
        stream.end()
        assert await left_in(stream) == ["hello", "world"]
        assert stream.closed

    played(story)


def test_the_sample_of_backpressure(turns: Turns) -> None:
    async def story() -> None:
        stream = create_stream(high_water_mark=2)
        await stream.write(1)
        await stream.write(2)
        assert stream.buffered_amount == 2
        writing = asyncio.create_task(stream.write(3))
        await turns()
        assert (writing.done(), stream.buffered_amount) == (False, 2)
        assert await stream.read() == StreamChunk(done=False, value=1)
        await writing
        assert stream.buffered_amount == 2

    played(story)


def test_the_sample_of_zero_buffering(turns: Turns) -> None:
    async def story() -> None:
        stream = create_stream(high_water_mark=0)
        writing = asyncio.create_task(stream.write("data"))
        await turns()
        assert (writing.done(), stream.buffered_amount) == (False, 0)
        assert await stream.read() == StreamChunk(done=False, value="data")
        await writing

    played(story)


def test_the_sample_of_cancellation() -> None:
    async def story() -> None:
        stream = create_stream()
        stream.cancel("User disconnected")
        assert stream.state == "errored"
        with pytest.raises(StreamError, match="CANCELLED: User disconnected"):
            await stream.write("late")

    played(story)


def test_the_defaults_are_those_of_the_table(turns: Turns) -> None:
    async def story() -> None:
        stream, other = create_stream(), create_stream()
        assert stream.priority == 0
        assert stream.id
        assert stream.id != other.id
        for n in range(16):
            await stream.write(n)
        seventeenth = asyncio.create_task(stream.write(16))
        await turns()
        assert not seventeenth.done()
        stream.cancel()
        with pytest.raises(StreamError, match="CANCELLED: Stream cancelled"):
            await seventeenth

    played(story)


def test_options_are_kept() -> None:
    stream = create_stream(id="s1", high_water_mark=3, priority=-2)
    assert (stream.id, stream.priority) == ("s1", -2)
    assert create_stream(new_id=lambda: "made").id == "made"


@pytest.mark.parametrize(
    "options",
    [
        {"high_water_mark": -1},
        {"high_water_mark": 1.5},
        {"high_water_mark": True},
        {"high_water_mark": 2**31},
        {"priority": "high"},
        {"priority": False},
        {"id": ""},
        {"id": "x" * 257},
        {"id": 7},
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(a high water mark|a priority|an id) is "):
        create_stream(**options)


def test_everything_of_the_interface_is_there_under_its_name() -> None:
    waits = {name for name in ("read", "write") if inspect.iscoroutinefunction(getattr(RaffelStream, name))}
    assert waits == {"read", "write"}
    assert all(
        callable(getattr(RaffelStream, name)) for name in ("end", "error", "pause", "resume", "cancel", "__aiter__")
    )
    stream = create_stream("s", priority=5)
    shown = ("readable", "writable", "closed", "errored", "id", "priority", "buffered_amount", "state")
    assert {name: getattr(stream, name) for name in shown} == {
        "readable": True,
        "writable": True,
        "closed": False,
        "errored": None,
        "id": "s",
        "priority": 5,
        "buffered_amount": 0,
        "state": "open",
    }
    for name in shown[:-3]:
        if name != "id":
            with pytest.raises(AttributeError):
                setattr(stream, name, None)


def flags(stream: RaffelStream[Any]) -> tuple[str, bool, bool, bool, bool]:
    return stream.state, stream.readable, stream.writable, stream.closed, stream.errored is not None


def test_the_states_of_a_stream_that_ends_well() -> None:
    async def story() -> None:
        stream = create_stream()
        assert flags(stream) == ("open", True, True, False, False)
        await stream.write(1)
        stream.end()
        assert flags(stream) == ("closing", True, False, False, False)
        await stream.read()
        assert flags(stream) == ("closed", False, False, True, False)
        assert [await stream.read() for _ in range(3)] == [StreamChunk(done=True)] * 3

    played(story)


def test_a_stream_that_ends_with_nothing_to_drain_is_closed() -> None:
    stream = create_stream()
    stream.end()
    assert flags(stream) == ("closed", False, False, True, False)


def test_the_states_of_a_stream_that_fails() -> None:
    async def story() -> None:
        stream, failure = create_stream(), ValueError("no more")
        await stream.write(1)
        stream.error(failure)
        assert flags(stream) == ("errored", True, False, False, True)
        assert stream.errored is failure
        assert await stream.read() == StreamChunk(done=False, value=1)  # what was written comes first
        assert flags(stream) == ("errored", False, False, False, True)
        for _ in range(2):
            with pytest.raises(ValueError, match="no more"):
                await stream.read()
        assert stream.errored is failure

    played(story)


def test_a_cancelled_stream_is_errored_and_empty() -> None:
    async def story() -> None:
        stream = create_stream()
        await stream.write(1)
        stream.cancel("enough")
        assert flags(stream) == ("errored", False, False, False, True)
        assert stream.buffered_amount == 0
        assert isinstance(stream.errored, StreamError)
        assert (stream.errored.code, stream.errored.message) == (Code.CANCELLED, "enough")
        with pytest.raises(StreamError, match="CANCELLED: enough"):
            await stream.read()

    played(story)


def test_a_second_ending_changes_nothing() -> None:
    async def story() -> None:
        stream = create_stream()
        stream.cancel("first")
        stream.cancel("second")
        stream.end()
        stream.error(ValueError("third"))
        assert str(stream.errored) == "CANCELLED: first"
        ended = create_stream()
        ended.end()
        ended.end()
        ended.error(ValueError("late"))
        ended.cancel("late")
        assert (ended.state, ended.errored) == ("closed", None)
        failed = create_stream()
        failed.error(KeyError("first"))
        failed.error(ValueError("second"))
        failed.end()
        failed.cancel()
        assert isinstance(failed.errored, KeyError)

    played(story)


def test_an_error_may_follow_on_closing_and_loses_nothing() -> None:
    async def story() -> None:
        stream = create_stream()
        await stream.write(1)
        stream.end()
        stream.error(ValueError("while draining"))
        assert stream.state == "errored"
        assert await stream.read() == StreamChunk(done=False, value=1)
        with pytest.raises(ValueError, match="while draining"):
            await stream.read()

    played(story)


def test_a_write_after_the_end_is_refused_by_name() -> None:
    async def story() -> None:
        ended, failed = create_stream(), create_stream()
        ended.end()
        failed.error(ValueError("no"))
        for stream in (ended, failed):
            with pytest.raises(StreamError, match="UNAVAILABLE"):
                await stream.write(1)

    played(story)


def test_what_is_written_when_it_ends_is_still_read(turns: Turns) -> None:
    async def story() -> None:
        for high_water_mark in (0, 1, 2):
            stream = create_stream(high_water_mark=high_water_mark)
            writing = [asyncio.create_task(stream.write(n)) for n in range(4)]
            await turns()
            stream.end()
            assert await left_in(stream) == [0, 1, 2, 3]
            await asyncio.gather(*writing)

    played(story)


def test_an_error_reaches_everybody_who_waits(turns: Turns) -> None:
    async def story() -> None:
        waited_for, full = create_stream(), create_stream(high_water_mark=0)
        reading = [asyncio.create_task(waited_for.read()) for _ in range(2)]
        writing = [asyncio.create_task(full.write(n)) for n in range(2)]
        await turns()
        failure = ValueError("for all")
        for stream in (waited_for, full):
            stream.error(failure)
        assert await asyncio.gather(*reading, *writing, return_exceptions=True) == [failure] * 4

    played(story)


def test_an_error_of_the_stream_keeps_its_code() -> None:
    async def story() -> None:
        stream = create_stream()
        stream.error(StreamError(Code.RESOURCE_EXHAUSTED, "too much"))
        with pytest.raises(StreamError, match="RESOURCE_EXHAUSTED: too much"):
            await stream.read()
        with pytest.raises(StreamError, match="RESOURCE_EXHAUSTED: too much"):
            await left_in(stream)

    played(story)


def test_a_stream_fails_with_an_exception() -> None:
    stream = create_stream()
    for wrong in ("boom", asyncio.CancelledError(), KeyboardInterrupt()):
        with pytest.raises(TypeError, match="with an exception"):
            stream.error(wrong)  # type: ignore[arg-type]
    assert stream.state == "open"


@pytest.mark.parametrize("failure", [StopIteration("over"), StopAsyncIteration("over")])
def test_no_failure_looks_like_a_good_end(failure: Exception) -> None:
    async def story() -> None:
        stream = create_stream()
        await stream.write(1)
        stream.error(failure)
        with pytest.raises(StreamError, match="INTERNAL"):
            await left_in(stream)
        with pytest.raises(StreamError, match="INTERNAL"):
            await stream.read()
        assert stream.errored is failure

    played(story)


def test_a_pause_holds_back_what_is_read_and_not_what_is_written(turns: Turns) -> None:
    async def story() -> None:
        stream = create_stream(high_water_mark=2)
        stream.pause()
        await stream.write(1)
        await stream.write(2)
        reading = asyncio.create_task(stream.read())
        third = asyncio.create_task(stream.write(3))
        await turns()
        assert (reading.done(), third.done(), stream.buffered_amount) == (False, False, 2)
        stream.resume()
        assert await reading == StreamChunk(done=False, value=1)
        await third

    played(story)


def test_leaving_an_iteration_cancels() -> None:
    async def story() -> None:
        stream = create_stream()
        for n in range(3):
            await stream.write(n)
        stream.end()
        async for value in stream:
            assert value == 0
            break
        assert (stream.state, stream.buffered_amount) == ("errored", 0)

    played(story)


def test_two_iterations_share_the_values() -> None:
    async def story() -> None:
        stream = create_stream()
        both = asyncio.gather(left_in(stream), left_in(stream))
        for n in range(50):
            await stream.write(n)
        stream.end()
        one, other = await both
        assert sorted(one + other) == list(range(50))
        assert one == sorted(one)
        assert other == sorted(other)

    played(story)


def test_none_is_a_value() -> None:
    async def story() -> None:
        stream = create_stream()
        await stream.write(None)
        assert await stream.read() == StreamChunk(done=False, value=None)

    played(story)


def test_the_dialect_of_the_code_is_a_switch() -> None:
    async def story() -> None:
        stream = create_stream(dialect=RAFFEL)
        await stream.write("lost")
        stream.error(ValueError("at once"))
        assert stream.buffered_amount == 0
        with pytest.raises(ValueError, match="at once"):
            await stream.read()
        cancelled = create_stream(dialect=RAFFEL)
        cancelled.cancel("why")
        with pytest.raises(StreamError, match="UNAVAILABLE"):
            await cancelled.write(1)

    played(story)


def test_higher_is_processed_first() -> None:
    async def story() -> None:
        low, high, middle = (create_stream(name, priority=p) for name, p in (("low", 0), ("high", 9), ("middle", 5)))
        for stream in (low, high, middle):
            for n in range(2):
                await stream.write(n)
            stream.end()
        assert [(stream.id, value) async for stream, value in by_priority([low, high, middle])] == [
            ("high", 0),
            ("high", 1),
            ("middle", 0),
            ("middle", 1),
            ("low", 0),
            ("low", 1),
        ]

    played(story)


def test_nobody_starves_and_equals_take_turns() -> None:
    async def story() -> None:
        high, low = create_stream("high", 64, priority=1), create_stream("low", priority=0)
        for n in range(12):
            await high.write(n)
        await low.write("at last")
        high.end()
        low.end()
        order = [stream.id async for stream, _ in by_priority([high, low], starvation_bound=4)]
        assert order.index("low") == 4
        twins = [create_stream(name) for name in ("one", "other")]
        for twin in twins:
            await twin.write(1)
            await twin.write(2)
            twin.end()
        assert [stream.id async for stream, _ in by_priority(twins)] == ["one", "other"] * 2

    played(story)


def test_one_that_fails_is_shown_once_and_the_others_go_on() -> None:
    async def story() -> None:
        failing, fine = create_stream("failing", priority=1), create_stream("fine")
        failure = ValueError("only this one")
        failing.error(failure)
        await fine.write(1)
        fine.end()
        shown = [(stream.id, value) async for stream, value in by_priority([failing, fine])]
        assert shown == [("failing", failure), ("fine", 1)]

    played(story)
