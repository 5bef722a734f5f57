"""The two slow shells: what waits, who is woken, and what leaving, times and lives around a stream do to it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_stories import outcome, run

from streamspec.reference_impl.stream import table, tabled
from streamspec.reference_impl.stream.dialect import RAFFEL, Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import Call, Effect, Phase, State
from streamspec.reference_impl.stream.tabled import AsyncStream, ThreadStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Turns = Callable[[], Awaitable[None]]
LONGEST_S = 10.0
SOON_S = 0.02
NEVER_S = 3600.0


async def _code(call: Awaitable[object]) -> Code:
    with pytest.raises(StreamError) as caught:
        await call
    return caught.value.code


def _code_of(call: Callable[[], object]) -> Code:
    with pytest.raises(StreamError) as caught:
        call()
    return caught.value.code


def _said(future: Future[Any]) -> object:
    """How a call in another thread ended: its value or its code."""
    try:
        return future.result(LONGEST_S)
    except StreamError as error:
        return error.code


class _Parking:
    """A good table that rings whenever a call parks: so a test knows that a thread waits, and sleeps nowhere."""

    def __init__(self) -> None:
        self._rings = threading.Semaphore(0)
        self.parts = Parts(step=self._step)

    def _step(self, state: State, call: Call, dialect: Dialect) -> table.Step:
        after, effects = table.step(state, call, dialect)
        if {Effect.PARK_SENDER, Effect.PARK_RECEIVER} & set(effects):
            self._rings.release()
        return after, effects

    def wait(self) -> None:
        assert self._rings.acquire(timeout=LONGEST_S), "nobody parked"


@contextlib.contextmanager
def _threads() -> Iterator[Callable[..., Future[Any]]]:
    with ThreadPoolExecutor(16) as pool:
        yield pool.submit


# Tasks.


def test_a_full_stream_blocks_the_sender_until_a_receive(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(2)
        senders = [asyncio.create_task(stream.send(n)) for n in (1, 2, 3, 4)]
        await turns()
        assert [task.done() for task in senders] == [True, True, False, False]
        assert stream.buffered_amount == 2
        assert await stream.receive() == 1
        await turns()
        assert [task.done() for task in senders] == [True, True, True, False]
        assert await stream.receive_batch() == [2, 3, 4]
        await asyncio.gather(*senders)

    run(story())


def test_receivers_that_wait_are_served_in_order(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(0)
        receivers = [asyncio.create_task(stream.receive()) for _ in range(3)]
        await turns()
        await stream.send_batch([1, 2, 3])
        assert await asyncio.gather(*receivers) == [1, 2, 3]

    run(story())


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_a_cancel_wakes_every_parked_task(turns: Turns, capacity: int) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(capacity)
        stream.pause()
        tasks = [asyncio.create_task(stream.send(n)) for n in range(capacity + 2)][capacity:]
        tasks += [asyncio.create_task(stream.receive()) for _ in range(2)]  # type: ignore[arg-type]
        await turns()
        assert not any(task.done() for task in tasks)
        assert [stream.cancel(), stream.cancel()] == [True, None]
        await turns()
        assert [outcome(task) for task in tasks] == [Code.CANCELLED] * 4
        assert stream.buffered_amount == 0

    run(story())


def test_a_send_whose_task_is_cancelled_has_not_sent_unless_it_was_released_first(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(1)
        await stream.send(1)
        doomed, released, patient = (asyncio.create_task(stream.send(n)) for n in (2, 3, 4))
        await turns()
        doomed.cancel()  # and does not know yet
        assert await stream.receive() == 1
        released.cancel()
        assert await stream.receive() == 3
        await patient
        assert [outcome(doomed), outcome(released)] == ["task cancelled"] * 2
        assert await stream.receive() == 4

    run(story())


@pytest.mark.parametrize("capacity", [0, 1])
def test_a_receive_whose_task_is_cancelled_gives_back_what_it_was_given(turns: Turns, capacity: int) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(capacity)
        receivers = [asyncio.create_task(stream.receive()) for _ in range(4)]
        await turns()
        receivers[3].cancel()  # while parked: it is forgotten
        await stream.send_batch([1, 2, 3])
        for leaving in (1, 0):  # served, and cancelled before they run
            receivers[leaving].cancel()
        await turns()
        assert [outcome(task) for task in receivers] == ["task cancelled", "task cancelled", 3, "task cancelled"]
        assert stream.buffered_amount == 2
        assert await stream.receive_batch() == [1, 2]

    run(story())


@pytest.mark.parametrize("timeout_s", [SOON_S, 0])
@pytest.mark.parametrize("of", ["call", "stream"])
def test_a_send_that_times_out_has_not_sent_and_ends_nothing(of: str, timeout_s: float) -> None:
    async def story() -> None:
        own, call = (timeout_s, None) if of == "stream" else (NEVER_S, timeout_s)
        stream: AsyncStream[int] = AsyncStream(1, send_timeout_s=own)
        await stream.send(1)
        assert await _code(stream.send(2, call)) is Code.TIMED_OUT
        assert (stream.state, stream.poll(), stream.poll()) == (Phase.OPEN, 1, EMPTY)

    run(story())


def test_a_send_released_in_time_leaves_no_timer_behind(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(1)
        await stream.send(1)
        sender = asyncio.create_task(stream.send(2, NEVER_S))
        await turns()
        assert await stream.receive() == 1
        await sender
        assert _timers() == 1  # the one of `run`

    run(story())


def test_a_sender_that_leaves_may_end_a_stream_whose_receiver_leaves_with_it(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[str] = AsyncStream(0)
        receiving = asyncio.create_task(stream.receive())
        await turns()
        stream.pause()
        sending = asyncio.create_task(stream.send("x"))
        await turns()
        stream.complete()
        receiving.cancel()
        sending.cancel()
        stream.on_ready(lambda: None)  # the call that buries both
        assert stream.state is Phase.COMPLETED
        assert len(await asyncio.gather(receiving, sending, return_exceptions=True)) == 2

    run(story())


def _timers() -> int:
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return sum(not handle.cancelled() for handle in scheduled)


def test_a_deadline_is_timed_out_to_the_consumer_and_a_cancel_to_the_producer(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(1, deadline_s=SOON_S, idle_s=NEVER_S)
        assert stream.remaining_s is not None
        assert 0 <= stream.remaining_s <= SOON_S
        await stream.send(1)
        stream.complete()
        assert await _code(stream.sleep(NEVER_S)) is Code.CANCELLED
        assert (stream.state, stream.remaining_s, stream.buffered_amount) == (Phase.EXPIRED, 0.0, 0)
        assert await _code(stream.receive()) is Code.TIMED_OUT
        assert await _code(stream.send(2)) is Code.CANCELLED

    run(story())


def test_a_stream_that_ends_in_time_leaves_no_timer_behind() -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(deadline_s=NEVER_S, idle_s=NEVER_S)
        assert _timers() == 2
        stream.complete()
        assert _timers() == 1

    run(story())


@pytest.mark.parametrize("times", [{"deadline_s": 0}, {"idle_s": 0}])
def test_a_time_of_zero_has_passed_at_once(times: dict[str, float]) -> None:
    async def story() -> list[object]:
        streams: list[AsyncStream[int] | ThreadStream[int]] = [AsyncStream(**times), ThreadStream(**times)]  # type: ignore[arg-type]
        return [stream.state for stream in streams]

    assert run(story()) == [Phase.EXPIRED] * 2


def test_an_idle_time_is_counted_from_the_latest_accepted_item(turns: Turns) -> None:
    async def story() -> list[Phase]:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        loop.time = lambda: now_s  # type: ignore[method-assign]
        stream: AsyncStream[int] = AsyncStream(idle_s=1)
        phases = []
        for pass_s, sends in ((0.6, True), (0.6, True), (0.6, False), (0.3, False), (0.2, False)):
            now_s += pass_s
            if sends:
                await stream.send(1)
            await turns()
            phases.append(stream.state)
        return phases

    assert run(story()) == [Phase.OPEN] * 4 + [Phase.EXPIRED]


def test_an_idle_time_of_a_thread_stream_is_counted_from_the_latest_accepted_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    looks: list[tuple[float, Callable[[], None]]] = []

    class Timer:
        daemon = False

        def __init__(self, interval_s: float, look: Callable[[], None]) -> None:
            looks.append((interval_s, look))

        def start(self) -> None:
            assert self.daemon

        def cancel(self) -> None:
            looks.append((0.0, lambda: None))

    monkeypatch.setattr(tabled, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(threading, "Timer", Timer)
    stream: ThreadStream[int] = ThreadStream(idle_s=10)
    now_s = 6
    stream.send(1)
    now_s = 10
    looks[-1][1]()
    assert stream.state is Phase.OPEN
    now_s = 16
    looks[-1][1]()
    assert stream.state is Phase.EXPIRED  # type: ignore[comparison-overlap]
    assert [interval_s for interval_s, _ in looks] == [10, 6, 0]


def test_a_sleep_is_over_when_its_time_is_or_the_stream(turns: Turns) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream()
        await stream.sleep(0)
        idle = asyncio.create_task(stream.sleep(NEVER_S))
        await turns()
        assert not idle.done()
        stream.complete()
        await idle
        assert stream.cancel() is None

    run(story())


@pytest.mark.parametrize("how", ["break", "raise", "cancel the task"])
def test_leaving_an_iteration_early_cancels(turns: Turns, how: str) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(1)
        await stream.send(1)

        async def consume() -> None:
            async for _ in stream:
                if how == "break":
                    break
                if how == "raise":
                    raise LookupError

        consumer = asyncio.create_task(consume())
        await turns()
        consumer.cancel()
        await asyncio.wait({consumer})
        await turns()
        assert stream.state is Phase.CANCELLED
        assert consumer.cancelled() or isinstance(consumer.exception(), LookupError | None)

    run(story())


@pytest.mark.parametrize("end", ["complete", "error"])
def test_iterating_to_the_end_or_into_the_error_cancels_nothing(end: str) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(2)
        await stream.send_batch([1, 2])
        if end == "complete":
            stream.complete()
        else:
            stream.error(StreamError(Code.NOT_FOUND, "gone"))
        items = []
        try:
            async for item in stream:
                items.append(item)  # noqa: PERF401 -- what came before the error is the question
        except StreamError as error:
            assert (end, error.code) == ("error", Code.NOT_FOUND)  # noqa: PT017 -- one outcome of two
        assert items == [1, 2]
        assert stream.state is {"complete": Phase.COMPLETED, "error": Phase.ERRORED}[end]

    run(story())


def test_a_listener_that_raises_is_told_to_the_loop(turns: Turns) -> None:
    async def story() -> list[str]:
        seen: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: seen.append(str(what["exception"])))
        stream: AsyncStream[int] = AsyncStream()

        def raises() -> None:
            raise ValueError("a bad listener")

        stream.on_end(raises)
        stream.cancel()
        return seen

    assert run(story()) == ["a bad listener"]


def test_a_listener_that_raises_when_the_loop_is_over_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda what: seen.append(str(what.exc_value)))

    async def story() -> AsyncStream[int]:
        return AsyncStream()

    def raises() -> None:
        raise ValueError("a bad listener")

    stream = run(story())
    stream.on_end(raises)
    stream.cancel()
    assert seen == ["a bad listener"]


def test_produce_and_feed_bring_a_stream_to_its_end() -> None:
    async def story() -> list[object]:
        async def fails(stream: AsyncStream[int]) -> None:
            await stream.send(1)
            raise LookupError("private")

        failed: AsyncStream[int] = AsyncStream()
        await failed.produce(fails)
        fed: AsyncStream[int] = AsyncStream()
        await fed.feed([1, 2])
        return [failed.poll(), await _code(failed.receive()), await fed.receive_batch(), await fed.receive_batch()]

    assert run(story()) == [1, Code.INTERNAL, [1, 2], []]


RACE = st.sampled_from(["send", "send", "receive", "receive", "kill", "turn", "pause", "resume"])


@given(capacity=st.integers(0, 2), steps=st.lists(RACE, max_size=40), pick=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_racing_tasks_neither_lose_nor_double_nor_reorder_an_item(capacity: int, steps: list[str], pick: Any) -> None:
    async def story() -> None:
        stream: AsyncStream[int] = AsyncStream(capacity)
        sends: dict[int, asyncio.Task[None]] = {}
        receives: list[asyncio.Task[Any]] = []
        for number, what in enumerate(steps):
            match what:
                case "send":
                    sends[number] = asyncio.create_task(stream.send(number))
                case "receive":
                    receives.append(asyncio.create_task(stream.receive()))
                case "kill" if sends or receives:
                    pick.choice([*sends.values(), *receives]).cancel()
                case "turn" | "kill":
                    await asyncio.sleep(0)
                case _:
                    getattr(stream, what)()
        for task in receives:
            task.cancel()
        await asyncio.gather(*receives, return_exceptions=True)
        stream.resume()
        left = await _left(stream, [*sends.values()])
        received = [task.result() for task in receives if not task.cancelled()]
        sent = {number for number, task in sends.items() if not task.cancelled()}
        # A send released before its task was cancelled has sent: it may be there, once.
        assert sent <= {*received, *left} <= set(sends)
        assert len(set(received)) + len(set(left)) == len(received) + len(left) == len({*received, *left})
        assert left == sorted(left)

    run(story())


async def _left(stream: AsyncStream[int], sends: list[asyncio.Task[None]]) -> list[int]:
    """All that the stream still has, until the last send is done."""
    left = []
    while stream.ready or not all(task.done() for task in sends):
        item = stream.poll()
        if isinstance(item, int):
            left.append(item)
        await asyncio.sleep(0)
    return left


# Threads.


def test_parked_threads_go_in_the_order_in_which_they_came() -> None:
    parking = _Parking()
    stream: ThreadStream[int] = ThreadStream(1, parts=parking.parts)
    stream.send(0)
    with _threads() as submit:
        senders = []
        for n in (1, 2, 3):
            senders.append(submit(stream.send, n))
            parking.wait()
        for n in (1, 2, 3):
            assert stream.receive() == n - 1
            senders[n - 1].result(LONGEST_S)
            assert [sender.done() for sender in senders[n:]] == [False] * (3 - n)
        receivers = []
        stream.receive()
        for _ in range(3):
            receivers.append(submit(stream.receive))
            parking.wait()
        stream.send_batch([1, 2, 3])
        assert [receiver.result(LONGEST_S) for receiver in receivers] == [1, 2, 3]


@pytest.mark.parametrize(("end", "said"), [("cancel", Code.CANCELLED), ("expire", Code.TIMED_OUT)])
def test_the_end_wakes_every_parked_thread_after_the_listeners(end: str, said: Code) -> None:
    parking = _Parking()
    stream: ThreadStream[int] = ThreadStream(0, parts=parking.parts)
    stream.pause()
    over = threading.Event()
    with _threads() as submit:

        def wait(call: Callable[..., object], *args: object) -> bool:
            try:
                call(*args)
            finally:
                assert over.is_set(), "a parked call ran on before the listeners had run"
            return False

        senders = [submit(wait, stream.send, n) for n in range(3)]
        receivers = [submit(wait, stream.receive) for _ in range(3)]
        for _ in range(6):
            parking.wait()
        stream.on_end(over.set)
        if end == "cancel":
            stream.cancel()
        else:
            stream._holder.expire()
        assert [_said(sender) for sender in senders] == [Code.CANCELLED] * 3
        assert [_said(receiver) for receiver in receivers] == [said] * 3


def test_many_threads_neither_lose_nor_double_nor_reorder_an_item() -> None:
    stream: ThreadStream[tuple[int, int]] = ThreadStream(3)
    with _threads() as submit:
        consumers = [submit(list, stream) for _ in range(4)]
        producers = [submit(stream.send_batch, [(k, n) for n in range(300)]) for k in range(4)]
        for producer in producers:
            producer.result(LONGEST_S)
        stream.complete()
        got = [consumer.result(LONGEST_S) for consumer in consumers]
    assert sorted(item for items in got for item in items) == [(k, n) for k in range(4) for n in range(300)]
    for items in got:
        for k in range(4):
            of_one = [n for producer, n in items if producer == k]
            assert of_one == sorted(of_one)


@pytest.mark.parametrize("timeout_s", [SOON_S, 0])
def test_a_thread_whose_send_times_out_has_not_sent(timeout_s: float) -> None:
    stream: ThreadStream[int] = ThreadStream(1, send_timeout_s=timeout_s)
    stream.send(1)
    assert _code_of(lambda: stream.send(2)) is Code.TIMED_OUT
    assert (stream.state, stream.poll(), stream.poll()) == (Phase.OPEN, 1, EMPTY)


def test_a_thread_released_at_the_last_moment_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: ThreadStream[int] = ThreadStream(1)
    stream.send(1)
    wait = tabled._Rung.wait

    waits: list[float | None] = []

    def too_late(rung: tabled._Rung, timeout_s: float | None = None) -> bool:
        waits.append(timeout_s)
        if timeout_s is None:
            return wait(rung)
        assert stream.receive() == 1
        return False

    monkeypatch.setattr(tabled._Rung, "wait", too_late)
    stream.send(2, timeout_s=NEVER_S)
    # It waits again, to be told: had its release come of an ending, the listeners would go first.
    assert waits == [NEVER_S, None]
    assert stream.receive() == 2


def test_a_call_that_is_answered_before_it_has_begun_to_wait_still_waits_for_the_listeners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream: ThreadStream[int] = ThreadStream(0)
    listening, waits = threading.Event(), threading.Event()
    wait = tabled._Rung.wait

    def noted(rung: tabled._Rung, timeout_s: float | None = None) -> bool:
        waits.set()
        return wait(rung, timeout_s)

    def listener() -> None:
        listening.set()
        assert waits.wait(LONGEST_S)

    monkeypatch.setattr(tabled._Rung, "wait", noted)
    stream.on_end(listener)
    with _threads() as submit:

        def cancel_elsewhere() -> None:  # run by the sender itself, as soon as it has parked
            submit(stream.cancel)
            assert listening.wait(LONGEST_S)

        stream.on_ready(cancel_elsewhere)
        assert _code_of(lambda: stream.send(1)) is Code.CANCELLED
        waited = waits.is_set()
        waits.set()
    assert waited


@pytest.mark.parametrize("served", [False, True])
def test_an_interrupted_receive_leaves_its_place_and_gives_back_its_item(
    monkeypatch: pytest.MonkeyPatch, *, served: bool
) -> None:
    stream: ThreadStream[int] = ThreadStream(1)

    def interrupted(rung: tabled._Rung, timeout_s: float | None) -> bool:
        if served:
            stream.send(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(tabled._Rung, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stream.receive()
    assert stream._holder.state == State(capacity=1, buffered=int(served))


def test_an_interrupted_send_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: ThreadStream[int] = ThreadStream(1)
    stream.send(1)

    def interrupted(rung: tabled._Rung, timeout_s: float | None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(tabled._Rung, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stream.send(2)
    assert stream.receive_batch() == [1]


def test_a_thread_receives_all_there_is_at_once() -> None:
    parking = _Parking()
    stream: ThreadStream[int] = ThreadStream(2, parts=parking.parts)
    stream.send_batch([1, 2])
    with _threads() as submit:
        sender = submit(stream.send, 3)
        parking.wait()
        assert stream.receive_batch() == [1, 2, 3]
        sender.result(LONGEST_S)


def test_a_deadline_ends_a_thread_that_waits() -> None:
    stream: ThreadStream[int] = ThreadStream(deadline_s=SOON_S)
    assert stream.remaining_s is not None
    assert _code_of(stream.receive) is Code.TIMED_OUT
    assert _code_of(lambda: stream.sleep(NEVER_S)) is Code.CANCELLED
    assert (stream.state, stream.remaining_s) == (Phase.EXPIRED, 0.0)


def test_an_idle_time_ends_a_thread_that_waits() -> None:
    stream: ThreadStream[int] = ThreadStream(0, idle_s=SOON_S, deadline_s=NEVER_S)
    assert _code_of(lambda: stream.send(1)) is Code.CANCELLED
    assert stream.state is Phase.EXPIRED


def test_the_timer_of_a_thread_stream_is_gone_when_it_has_ended() -> None:
    stream: ThreadStream[int] = ThreadStream(deadline_s=NEVER_S)
    timer = stream._timer
    assert timer is not None
    assert timer.daemon
    stream.cancel()
    timer.join(LONGEST_S)
    assert not timer.is_alive()


def test_a_sleeping_thread_is_woken_by_the_end() -> None:
    stream: ThreadStream[int] = ThreadStream()
    stream.sleep(0)
    asleep = threading.Event()
    with _threads() as submit:

        def sleeps() -> None:
            asleep.set()
            stream.sleep(NEVER_S)

        sleeper = submit(sleeps)
        assert asleep.wait(LONGEST_S)
        stream.cancel()
        assert _said(sleeper) is Code.CANCELLED


@pytest.mark.parametrize("how", ["break", "raise"])
def test_leaving_an_iteration_over_a_thread_stream_early_cancels(how: str) -> None:
    stream: ThreadStream[int] = ThreadStream(2)
    stream.send_batch([1, 2])

    def consume() -> None:
        for _ in stream:
            if how == "raise":
                raise LookupError
            break

    if how == "raise":
        with pytest.raises(LookupError):
            consume()
    else:
        consume()
    assert stream.state is Phase.CANCELLED


def test_iterating_over_a_thread_stream_to_its_end_or_error_cancels_nothing() -> None:
    stream: ThreadStream[int] = ThreadStream(2)
    stream.feed([1, 2])
    assert list(stream) == [1, 2]
    assert (stream.state, stream.receive(), stream.receive_batch()) == (Phase.COMPLETED, END, [])

    def fails(stream: ThreadStream[int]) -> None:
        raise LookupError

    failed: ThreadStream[int] = ThreadStream(2)
    failed.produce(fails)
    assert _code_of(lambda: list(failed)) is Code.INTERNAL
    assert failed.state is Phase.ERRORED


def test_listeners_and_finalisers_may_call_a_thread_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda what: seen.append(str(what.exc_value)))
    stream: ThreadStream[object] = ThreadStream(1)

    class Item:
        def __del__(self) -> None:
            seen.append(f"dropped when {stream.state.name}, {_code_of(stream.poll)}")

    def raises() -> None:
        stream.cancel()
        raise ValueError("a bad listener")

    stream.send(Item())
    stream.on_end(raises)
    stream.cancel()
    assert sorted(seen) == ["a bad listener", "dropped when CANCELLED, CANCELLED"]


# Both.


@pytest.mark.parametrize("shell", [AsyncStream, ThreadStream])
def test_the_options_can_be_read_back(shell: type[Any]) -> None:
    stream = shell(3, dialect=RAFFEL, send_timeout_s=1.5, priority=7)
    assert (stream.capacity, stream.dialect, stream.send_timeout_s, stream.priority) == (3, RAFFEL, 1.5, 7)
    assert (stream.deadline_s, stream.idle_s, stream.remaining_s) == (None, None, None)
    assert shell().capacity == 16
    with pytest.raises(ValueError, match="capacity"):
        shell(-1)


@pytest.mark.parametrize("shell", [AsyncStream, ThreadStream])
def test_a_dialect_reaches_the_table(shell: type[Any]) -> None:
    stream = shell(dialect=Dialect(complete_twice="ignore", cancel_twice=False))
    stream.complete()
    stream.complete()
    assert stream.cancel() is False


@pytest.mark.parametrize("shell", [AsyncStream, ThreadStream])
def test_readiness_pause_and_poll_agree(shell: type[Any]) -> None:
    stream = shell()
    woken: list[bool] = []
    stream.on_ready(lambda: woken.append(stream.ready))
    stream.pause()
    stream.complete()
    assert (stream.ready, stream.poll(), woken) == (True, END, [True])
    stream = shell()
    stream.pause()
    stream.error(ValueError())
    assert (stream.ready, _code_of(stream.poll)) == (True, Code.INTERNAL)
    assert shell().poll() is EMPTY


@pytest.mark.parametrize("shell", [AsyncStream, ThreadStream])
def test_broken_parts_reach_a_shell(shell: type[Any]) -> None:
    left: list[object] = []
    ended: list[object] = []
    parts = Parts(
        capacity=5,
        counted=lambda state: state.buffered + 100,
        leave=left.append,
        after_handler=lambda stream, raised: ended.append(raised),
    )
    stream = shell(parts=parts)
    assert (stream.capacity, stream.buffered_amount) == (5, 100)

    async def leave_tasks() -> None:
        await stream.send(1)
        iterator: AsyncIterator[int] = aiter(stream)
        await anext(iterator)
        await iterator.aclose()  # type: ignore[attr-defined]
        await stream.produce(lambda stream: None)

    if shell is AsyncStream:
        run(leave_tasks())
    else:
        stream.send(1)
        iterator = iter(stream)
        next(iterator)
        iterator.close()
        stream.produce(lambda stream: None)
    assert (left, ended, stream.state) == ([stream], [None], Phase.OPEN)


@pytest.mark.parametrize("shell", [AsyncStream, ThreadStream])
def test_neither_the_end_nor_the_error_nor_a_cancel_is_a_leaving(shell: type[Any]) -> None:
    left: list[object] = []

    async def all_of(stream: AsyncStream[int]) -> list[int]:
        return [item async for item in stream]

    for end in ("complete", "error", "cancel"):
        stream = shell(parts=Parts(leave=left.append))
        getattr(stream, end)(*([ValueError()] if end == "error" else []))
        with contextlib.suppress(StreamError):
            _ = run(all_of(stream)) if shell is AsyncStream else list(stream)
    assert left == []
