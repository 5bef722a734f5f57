"""The asyncio shell: blocking, release, cancel, endings, cleanup, and tasks that are cancelled while parked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.reference_impl.stream.aio import END, Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

Turns = Callable[[], Awaitable[None]]


def _outcome(task: asyncio.Task[Any]) -> object:
    """How a finished call ended: its value, its code, or that its task was cancelled."""
    if task.cancelled():
        return "task cancelled"
    error = task.exception()
    if error is None:
        return task.result()
    assert isinstance(error, StreamError), error
    return error.code


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

    asyncio.run(story())


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

    asyncio.run(story())


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

    asyncio.run(story())


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
        assert [_outcome(task) for task in parked] == [Code.CANCELLED] * 4
        assert stream.state.buffered == 0
        for _ in range(2):
            assert await _code(stream.send(9)) is Code.CANCELLED
            assert await _code(stream.receive()) is Code.CANCELLED
            stream.cancel()
            stream.complete()
            stream.error(Code.INTERNAL, "too late to matter")
        assert stream.state.phase is Phase.CANCELLED

    asyncio.run(story())


def test_cancel_wakes_a_parked_receiver(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        receiver = asyncio.create_task(stream.receive())
        await turns()
        stream.cancel()
        assert await _code(receiver) is Code.CANCELLED

    asyncio.run(story())


def test_completion_shows_only_after_everything_sent(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=1)
        await stream.send(1)
        parked = asyncio.create_task(stream.send(2))
        await turns()
        stream.complete()
        assert stream.state.phase is Phase.DRAINING
        assert [await stream.receive(), await stream.receive()] == [1, 2]
        await parked
        assert stream.state.phase is Phase.COMPLETED
        assert [await stream.receive(), await stream.receive()] == [END, END]

    asyncio.run(story())


def test_completion_reaches_a_receiver_that_waits(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream()
        receivers = [asyncio.create_task(stream.receive()) for _ in range(2)]
        await turns()
        stream.complete()
        assert [await receiver for receiver in receivers] == [END, END]

    asyncio.run(story())


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

    asyncio.run(story())


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

    asyncio.run(story())


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

    asyncio.run(story())


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

    asyncio.run(story())


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

    assert asyncio.run(story()) == ["early", "late"]


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

    calls, reported = asyncio.run(story())
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

    asyncio.run(story())


def test_a_sleep_is_over_when_its_time_is(turns: Turns) -> None:
    async def story() -> float:
        stream: Stream[int] = Stream()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await stream.sleep(0.01)
        return loop.time() - begun

    assert asyncio.run(story()) >= 0.009  # a loop may be early by its clock's resolution


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
        assert _outcome(doomed) == "task cancelled"
        assert stream.state.senders == 0

    asyncio.run(story())


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

    asyncio.run(story())


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
        assert _outcome(doomed) == "task cancelled"
        assert await stream.receive() == 1
        await sender
        assert stream.state.receivers == 0

    asyncio.run(story())


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

    asyncio.run(story())


def test_the_last_parked_send_withdrawn_completes_a_draining_stream(turns: Turns) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity=0)
        doomed = asyncio.create_task(stream.send(1))
        await turns()
        stream.complete()
        assert stream.state.phase is Phase.DRAINING
        doomed.cancel()
        assert await stream.receive() is END

    asyncio.run(story())


class _Model:
    """The contract said once more, in the plainest way: two queues, and a loop that moves what can move."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.buffer: deque[int] = deque()
        self.sending: deque[int] = deque()  # an item is its own call's name
        self.receiving: deque[str] = deque()
        self.outcomes: dict[object, object] = {}
        self.ending: object = None

    def send(self, item: int) -> None:
        if self.ending is None:
            self.sending.append(item)
        else:
            self.outcomes[item] = Code.CANCELLED if self.ending is Code.CANCELLED else Code.UNAVAILABLE

    def receive(self, name: str) -> None:
        self.receiving.append(name)

    def end(self, how: object) -> None:
        if how is Code.CANCELLED and (self.ending is None or self.buffer or self.sending):
            self.buffer.clear()
            self.ending = self.ending if self.ending is Code.INTERNAL else how
            self._refuse(how)
        elif self.ending is None:
            self.ending = how
            if how is not END:
                self._refuse(how)

    def withdraw(self, name: int | str) -> None:
        for queue in (self.sending, self.receiving):
            if name in queue:
                queue.remove(name)  # type: ignore[arg-type]  # each name lives in the queue of its own type
                self.outcomes[name] = "task cancelled"

    def settle(self) -> None:
        while True:
            if self.sending and (len(self.buffer) < self.capacity or (self.receiving and not self.buffer)):
                item = self.sending.popleft()
                self.buffer.append(item)
                self.outcomes[item] = None
            elif self.receiving and self.buffer:
                self.outcomes[self.receiving.popleft()] = self.buffer.popleft()
            elif self.receiving and self.ending is not None:
                self.outcomes[self.receiving.popleft()] = self.ending
            else:
                return

    def _refuse(self, how: object) -> None:
        self.outcomes.update(dict.fromkeys(self.sending, how))
        self.sending.clear()


STEPS = st.sampled_from(["send"] * 5 + ["receive"] * 5 + ["complete", "error", "cancel", "drop", "drop"])


@given(capacity=st.integers(0, 3), steps=st.lists(STEPS, max_size=25), pick=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_shell_does_what_the_model_does(capacity: int, steps: list[str], pick: Any) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        model = _Model(capacity)
        tasks: dict[int | str, asyncio.Task[Any]] = {}

        def start(name: int | str, call: Coroutine[Any, Any, Any]) -> None:
            tasks[name] = asyncio.create_task(call)

        for number, what in enumerate(steps):
            _do(what, number, stream, model, start)
            if what == "drop" and (parked := [name for name, task in tasks.items() if not task.done()]):
                dropped = pick.choice(parked)
                tasks[dropped].cancel()
                model.withdraw(dropped)
            for _ in range(8):
                await asyncio.sleep(0)
            model.settle()
            assert {name: _outcome(task) for name, task in tasks.items() if task.done()} == model.outcomes
            assert stream.state.buffered == len(model.buffer) <= capacity
        for task in tasks.values():
            task.cancel()

    asyncio.run(story())


def _do(
    what: str,
    number: int,
    stream: Stream[int],
    model: _Model,
    start: Callable[[int | str, Coroutine[Any, Any, Any]], None],
) -> None:
    match what:
        case "send":
            start(number, stream.send(number))
            model.send(number)
        case "receive":
            start(f"receive {number}", stream.receive())
            model.receive(f"receive {number}")
        case "cancel":
            stream.cancel()
            model.end(Code.CANCELLED)
        case "complete" | "error":
            refused = model.ending not in {None, Code.CANCELLED}
            try:
                stream.complete() if what == "complete" else stream.error(Code.INTERNAL, "broken")
            except StreamError as error:
                assert (error.code, refused) == (Code.UNAVAILABLE, True)  # noqa: PT017 -- a refusal is one outcome of two
            else:
                assert not refused
            model.end(END if what == "complete" else Code.INTERNAL)


RACE = st.sampled_from(["send", "send", "receive", "receive", "kill", "turn"])


@given(capacity=st.integers(0, 2), steps=st.lists(RACE, max_size=40), pick=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_racing_calls_neither_lose_nor_repeat_an_item(capacity: int, steps: list[str], pick: Any) -> None:
    async def story() -> None:
        stream: Stream[int] = Stream(capacity)
        sends: dict[int, asyncio.Task[None]] = {}
        receives: list[asyncio.Task[Any]] = []
        received: list[int] = []

        async def receive() -> None:
            item = await stream.receive()
            assert item is not END
            received.append(item)

        for number, what in enumerate(steps):
            if what == "send":
                sends[number] = asyncio.create_task(stream.send(number))
            elif what == "receive":
                receives.append(asyncio.create_task(receive()))
            elif what == "kill" and (sends or receives):
                pick.choice([*sends.values(), *receives]).cancel()
            else:
                await asyncio.sleep(0)
        for task in receives:
            task.cancel()
        await asyncio.gather(*receives, return_exceptions=True)
        while not all(task.done() for task in sends.values()) or stream.state.buffered:
            received.append(await stream.receive())  # type: ignore[arg-type]  # the stream is open: no END
            await asyncio.sleep(0)
        sent = {number for number, task in sends.items() if not task.cancelled()}
        # A send released before its task was cancelled has sent: it may be there, once.
        assert sent <= set(received) <= set(sends)
        assert received == sorted(set(received))

    asyncio.run(story())
