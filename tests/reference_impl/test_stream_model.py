"""The shell against a plain model of the contract, and under races, with drawn calls and cancels."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from stream_stories import outcome, run

from streamspec.reference_impl.stream.aio import END, Stream
from streamspec.reference_impl.stream.errors import Code, StreamError

Turns = Callable[[], Awaitable[None]]


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
@settings(max_examples=400, deadline=None)
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
            assert {name: outcome(task) for name, task in tasks.items() if task.done()} == model.outcomes
            assert stream.state.buffered == len(model.buffer) <= capacity
        for task in tasks.values():
            task.cancel()

    run(story())


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
@settings(max_examples=400, deadline=None)
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
        await asyncio.sleep(0)  # sends that were only just begun, or only just cancelled
        while stream.state.buffered or stream.state.senders:
            await receive()
        await asyncio.gather(*sends.values(), return_exceptions=True)
        sent = {number for number, task in sends.items() if not task.cancelled()}
        # A send released before its task was cancelled has sent: it may be there, once.
        assert sent <= set(received) <= set(sends)
        assert received == sorted(set(received))

    run(story())
