"""Tasks cancelled while parked in send or receive: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from stream_stories import outcome, run

from streamspec.reference_impl.stream.aio import END, Stream
from streamspec.reference_impl.stream.table import Phase

Turns = Callable[[], Awaitable[None]]


def test_a_send_cancelled_while_parked_has_not_sent(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        doomed, patient = (asyncio.create_task(stream.send(n)) for n in (2, 3))
        await turns()
        doomed.cancel()
        # In the same turn: the doomed task does not know yet, and must not be the one that is released.
        assert await stream.receive() == 1
        await patient
        assert await stream.receive() == 3
        assert outcome(doomed) == "task cancelled"
        assert stream.state.senders == 0

    run(story())


def test_a_send_cancelled_while_parked_is_forgotten(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        parked = [asyncio.create_task(stream.send(n)) for n in (2, 3, 4)]
        await turns()
        parked[1].cancel()
        await turns()
        assert stream.state.senders == 2
        assert [await stream.receive() for _ in range(3)] == [1, 2, 4]

    run(story())


def test_a_send_released_before_its_task_is_cancelled_has_sent(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        sender = asyncio.create_task(stream.send(2))
        await turns()
        assert await stream.receive() == 1
        sender.cancel()
        await turns()
        assert await stream.receive() == 2
        assert stream.state.buffered == stream.state.senders == 0

    run(story())


@pytest.mark.parametrize("capacity", [0, 1, 16])
def test_a_receive_cancelled_after_it_was_woken_loses_no_item(turns: Turns, capacity: int) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        doomed = asyncio.create_task(stream.receive())
        await turns()
        sender = asyncio.create_task(stream.send(1))
        await asyncio.sleep(0)  # one turn: the item is there, the receiver is woken and has not run
        doomed.cancel()
        await turns()
        assert outcome(doomed) == "task cancelled"
        assert await stream.receive() == 1
        await sender
        assert stream.state.receivers == 0

    run(story())


def test_a_receive_cancelled_while_parked_is_forgotten(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        doomed = asyncio.create_task(stream.receive())
        await turns()
        doomed.cancel()
        await turns()
        assert stream.state.receivers == 0
        await stream.send(1)
        assert await stream.receive() == 1

    run(story())


def test_the_last_parked_send_withdrawn_completes_a_draining_stream(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        doomed = asyncio.create_task(stream.send(1))
        await turns()
        stream.complete()
        assert stream.state.phase is Phase.DRAINING
        doomed.cancel()
        assert await stream.receive() is END

    run(story())
