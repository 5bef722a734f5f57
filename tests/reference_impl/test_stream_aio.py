"""The asyncio shell: blocking, release, cancel, endings and cleanup."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from stream_stories import outcome, run

from streamspec.reference_impl.stream.aio import END, Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

Turns = Callable[[], Awaitable[None]]


async def _code(call: Awaitable[object]) -> Code:
    with pytest.raises(StreamError) as caught:
        await call
    return caught.value.code


def test_a_full_stream_blocks_the_sender(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        await stream.send(1)
        await stream.send(2)
        third = asyncio.create_task(stream.send(3))
        await turns()
        assert not third.done()
        assert stream.state.buffered == 2
        assert await stream.receive() == 1
        await third
        assert [await stream.receive(), await stream.receive()] == [2, 3]

    run(story())


def test_one_receive_releases_the_sender_that_waited_longest(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(0)
        parked = [asyncio.create_task(stream.send(n)) for n in (1, 2, 3)]
        for released in (1, 2, 3):
            await turns()
            assert await stream.receive() == released - 1
            await turns()
            assert [task.done() for task in parked] == [n <= released for n in (1, 2, 3)]

    run(story())


def test_a_rendezvous_sender_waits_for_a_receiver(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        sender = asyncio.create_task(stream.send(1))
        await turns()
        assert not sender.done()
        assert await stream.receive() == 1
        await sender
        receiver = asyncio.create_task(stream.receive())
        await turns()
        await stream.send(2)
        assert await receiver == 2

    run(story())


@pytest.mark.parametrize("capacity", [0, 1, 16])
def test_cancel_wakes_every_parked_sender_with_cancelled_for_ever(turns: Turns, capacity: int) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        for n in range(capacity):
            await stream.send(n)
        parked = [asyncio.create_task(stream.send(n)) for n in range(4)]
        await turns()
        assert not any(task.done() for task in parked)
        stream.cancel()
        await turns()
        assert [outcome(task) for task in parked] == [Code.CANCELLED] * 4
        assert stream.state.buffered == 0
        for _ in range(2):
            assert await _code(stream.send(9)) is Code.CANCELLED
            assert await _code(stream.receive()) is Code.CANCELLED
            stream.cancel()
            stream.complete()
            stream.error(Code.INTERNAL, "too late to matter")
        assert stream.state.phase is Phase.CANCELLED

    run(story())


def test_cancel_wakes_a_parked_receiver(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        receiver = asyncio.create_task(stream.receive())
        await turns()
        stream.cancel()
        assert await _code(receiver) is Code.CANCELLED

    run(story())


def test_completion_shows_only_after_everything_sent(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        parked = asyncio.create_task(stream.send(2))
        await turns()
        stream.complete()
        phases = [stream.state.phase]
        assert [await stream.receive(), await stream.receive()] == [1, 2]
        await parked
        phases.append(stream.state.phase)
        assert phases == [Phase.DRAINING, Phase.COMPLETED]
        assert [await stream.receive(), await stream.receive()] == [END, END]

    run(story())


def test_completion_reaches_a_receiver_that_waits(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        receivers = [asyncio.create_task(stream.receive()) for _ in range(2)]
        await turns()
        stream.complete()
        assert [await receiver for receiver in receivers] == [END, END]

    run(story())


def test_what_was_sent_before_an_error_comes_before_the_error(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=2)
        await stream.send(1)
        await stream.send(2)
        parked = asyncio.create_task(stream.send(3))
        await turns()
        stream.error(Code.NOT_FOUND, "gone")
        assert await _code(parked) is Code.NOT_FOUND
        assert [await stream.receive(), await stream.receive()] == [1, 2]
        for _ in range(2):
            with pytest.raises(StreamError, match="NOT_FOUND: gone"):
                await stream.receive()

    run(story())


@pytest.mark.parametrize("end", ["complete", "error"])
def test_after_an_ending_everything_from_the_producer_is_unavailable(end: str) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        await stream.send(1)
        if end == "complete":
            stream.complete()
        else:
            stream.error(Code.INTERNAL, "broken")
        for call in (stream.complete, lambda: stream.error(Code.INTERNAL, "again")):
            with pytest.raises(StreamError) as caught:
                call()
            assert caught.value.code is Code.UNAVAILABLE
        assert await _code(stream.send(2)) is Code.UNAVAILABLE
        assert await stream.receive() == 1

    run(story())


def test_ok_is_not_an_error() -> None:
    with pytest.raises(ValueError, match="OK"):
        StreamError(Code.OK, "fine")


def test_there_are_thirteen_codes() -> None:
    assert len(Code) == 13
    assert all(code.name == code.value for code in Code)


def test_iteration_ends_with_the_stream_and_a_break_leaves_it_open() -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        for n in (1, 2, 3, 4):
            await stream.send(n)
        async for item in stream:
            if item == 2:
                break
        assert stream.state.phase is Phase.OPEN
        stream.complete()
        assert [item async for item in stream] == [3, 4]

    run(story())


def test_cancel_after_a_break_reaches_the_producer(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)

        async def produce() -> None:
            for n in range(100):
                await stream.send(n)

        producer = asyncio.create_task(produce())
        async for item in stream:
            if item == 1:
                break
        stream.cancel()
        assert await _code(producer) is Code.CANCELLED

    run(story())


@pytest.mark.parametrize("end", ["complete", "drain", "error", "cancel"])
def test_cleanup_runs_exactly_once_however_a_stream_ends(end: str) -> None:
    async def story() -> list[str]:
        calls: list[str] = []
        stream: Stream[int] = Stream()
        stream.on_end(lambda: calls.append("early"))
        if end == "drain":
            await stream.send(1)
            stream.complete()
            assert calls == []
            await stream.receive()
        elif end == "complete":
            stream.complete()
        elif end == "error":
            stream.error(Code.INTERNAL, "broken")
        stream.cancel()
        stream.cancel()
        stream.on_end(lambda: calls.append("late"))
        return calls

    assert run(story()) == ["early", "late"]


def test_a_cleanup_that_raises_does_not_starve_the_others() -> None:
    async def story() -> tuple[list[str], list[str]]:
        reported: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, seen: reported.append(repr(seen["exception"])))
        calls: list[str] = []
        stream: Stream[int] = Stream()
        stream.on_end(lambda: calls.remove("never there"))
        stream.on_end(lambda: calls.append("ran"))
        stream.cancel()
        return calls, reported

    calls, reported = run(story())
    assert calls == ["ran"]
    assert len(reported) == 1
    assert "ValueError" in reported[0]


def test_a_cancel_wakes_a_producer_that_only_sleeps(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        idle = asyncio.create_task(stream.sleep(3600))
        await turns()
        stream.cancel()
        assert await _code(idle) is Code.CANCELLED
        assert await _code(stream.sleep(3600)) is Code.CANCELLED

    run(story())


def test_a_sleep_is_over_when_its_time_is(turns: Turns) -> None:
    async def story() -> float:
        stream: Stream[int] = Stream()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await stream.sleep(0.01)
        return loop.time() - begun

    assert run(story()) >= 0.009  # a loop may be early by its clock's resolution
