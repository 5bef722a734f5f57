"""A scheduler that has to wait: it hears of everything, takes nothing meanwhile, and loses nothing when it is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import ASYNC, IDS, THREADS, Shells
from stream_stories import LONGEST_S, run

from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.scheduler import AsyncScheduler, ThreadScheduler

Turns = Callable[[], Awaitable[None]]


# -- waiting in tasks --------------------------------------------------------------------------------------------------


@pytest.fixture(params=ASYNC, ids=IDS)
def shells(request: pytest.FixtureRequest) -> Shells:
    return request.param  # type: ignore[no-any-return]


async def _sends(stream: Any) -> None:
    await stream.send("an item")


async def _completes(stream: Any) -> None:
    stream.complete()


async def _fails(stream: Any) -> None:
    stream.error(StreamError(Code.NOT_FOUND, ""))


async def _cancels(stream: Any) -> None:
    stream.cancel()


@pytest.mark.parametrize(
    ("something", "expected"),
    [(_sends, "an item"), (_completes, END), (_fails, Code.NOT_FOUND), (_cancels, Code.CANCELLED)],
)
def test_a_receive_waits_until_something_happens(
    shells: Shells, turns: Turns, something: Callable[[Any], Awaitable[None]], expected: object
) -> None:
    async def story() -> None:
        stream = shells.make()
        receiving = asyncio.create_task(AsyncScheduler([stream]).receive())
        await turns()
        assert not receiving.done()
        await something(stream)
        received = await receiving
        if received is END:
            assert expected is END
        else:
            told = received[1].code if isinstance(received[1], StreamError) else received[1]
            assert (received[0], told) == (stream, expected)

    run(story())


def test_a_receive_that_waits_hears_of_a_stream_that_is_added(shells: Shells, turns: Turns) -> None:
    async def story() -> None:
        scheduler: AsyncScheduler[int] = AsyncScheduler([shells.make()])
        receiving = asyncio.create_task(scheduler.receive())
        await turns()
        added = await shells.stream_of(1)
        scheduler.add(added)
        assert await receiving == (added, 1)

    run(story())


def test_waiting_takes_nothing_and_asks_each_stream_once(shells: Shells, turns: Turns) -> None:
    async def story() -> None:
        quiet, busy = Watched(shells.make()), Watched(shells.make())
        scheduler: AsyncScheduler[Any] = AsyncScheduler([quiet, busy])
        for n in range(5):
            receiving = asyncio.create_task(scheduler.receive())
            await turns()
            assert (quiet.stream.buffered_amount, busy.stream.buffered_amount) == (0, 0)
            await busy.stream.send(n)
            assert await receiving == (busy, n)
        assert (quiet.asked, busy.asked) == (1, 5)

    run(story())


class Watched:
    """A stream of which it is known when somebody waits for it to be ready."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.asked = 0
        self.waited_for = threading.Event()

    @property
    def priority(self) -> int:
        return self.stream.priority  # type: ignore[no-any-return]

    @property
    def ready(self) -> bool:
        return self.stream.ready  # type: ignore[no-any-return]

    def poll(self) -> Any:
        return self.stream.poll()

    def on_ready(self, wake: Callable[[], None]) -> None:
        self.stream.on_ready(wake)
        self.asked += 1
        self.waited_for.set()


class Sudden:
    """A stream that has nothing when it is looked at, and something as soon as one asks to be told."""

    priority = 0

    def __init__(self) -> None:
        self.ready = False
        self.given = 0

    def poll(self) -> int:
        self.ready = False
        self.given += 1
        return self.given

    def on_ready(self, wake: Callable[[], None]) -> None:
        self.ready = True
        wake()


def test_what_comes_between_the_look_and_the_wait_is_not_missed() -> None:
    async def story() -> None:
        sudden = Sudden()
        scheduler: AsyncScheduler[int] = AsyncScheduler([sudden])
        assert [await scheduler.receive() for _ in range(2)] == [(sudden, 1), (sudden, 2)]

    run(story())


@pytest.mark.parametrize("turns_until_the_cancel", range(4))
def test_a_receive_abandoned_while_it_waits_loses_nothing(
    shells: Shells, turns: Turns, turns_until_the_cancel: int
) -> None:
    async def story() -> None:
        streams = [shells.make(), shells.make()]
        scheduler: AsyncScheduler[Any] = AsyncScheduler(streams)
        doomed = asyncio.create_task(scheduler.receive())
        await turns()
        await streams[1].send(1)
        for _ in range(turns_until_the_cancel):
            await asyncio.sleep(0)
        doomed.cancel()
        await turns()
        if doomed.cancelled():
            assert await scheduler.receive() == (streams[1], 1)
        else:
            assert doomed.result() == (streams[1], 1)
        again = asyncio.create_task(scheduler.receive())
        await turns()
        await streams[0].send(2)
        assert await again == (streams[0], 2)

    run(story())


def test_tasks_that_wait_together_get_one_item_each(shells: Shells, turns: Turns) -> None:
    async def story() -> None:
        streams = [shells.make() for _ in range(3)]
        scheduler: AsyncScheduler[Any] = AsyncScheduler(streams)
        receiving = [asyncio.create_task(shells.take(scheduler)) for _ in range(3)]
        await turns()
        for n, stream in enumerate(streams):
            await stream.send(n)
        received = await asyncio.gather(*receiving)
        assert sorted(one[1] for one in received if one is not END) == [0, 1, 2]

    run(story())


happenings = st.tuples(st.sampled_from(["send", "receive", "abandon", "pause", "resume", "turn"]), st.integers(0, 2))


@pytest.mark.parametrize("shells", ASYNC, ids=IDS)
@given(story_of=st.lists(happenings, max_size=40))
def test_whatever_happens_every_item_is_received_once_and_in_its_streams_order(
    shells: Shells, story_of: list[tuple[str, int]]
) -> None:
    async def story() -> None:
        streams = [shells.make(capacity=40, priority=n) for n in range(3)]
        scheduler: AsyncScheduler[Any] = AsyncScheduler(streams, starvation_bound=2)
        sent: list[list[int]] = [[], [], []]
        seen: list[list[int]] = [[], [], []]
        receiving: list[asyncio.Task[None]] = []

        async def receive() -> None:
            while (received := await shells.take(scheduler)) is not END:
                seen[streams.index(received[0])].append(received[1])

        for at, (what, n) in enumerate(story_of):
            if what == "send":
                sent[n].append(at)
                await streams[n].send(at)
            elif what == "receive":
                receiving.append(asyncio.create_task(receive()))
            elif what == "abandon":
                _ = receiving and receiving.pop(0).cancel()
            elif what == "turn":
                await asyncio.sleep(0)
            else:
                getattr(streams[n], what)()
        for stream in streams:
            stream.resume()
            stream.complete()
        await asyncio.gather(*receiving, receive())
        assert seen == sent

    run(story())


def test_a_producer_that_waits_is_released_by_the_scheduler_too(shells: Shells, turns: Turns) -> None:
    async def story() -> None:
        stream = shells.make(capacity=0)
        sending = asyncio.create_task(shells.put(stream, 1))
        await turns()
        assert await AsyncScheduler([stream]).receive() == (stream, 1)
        await sending

    run(story())


# -- waiting in threads ------------------------------------------------------------------------------------------------


@pytest.fixture(params=THREADS, ids=IDS)
def blocking_shells(request: pytest.FixtureRequest) -> Shells:
    return request.param  # type: ignore[no-any-return]


class Receiver:
    """A thread that receives until the end, or so many times."""

    def __init__(self, scheduler: ThreadScheduler[Any], most: int | None = None) -> None:
        self.scheduler = scheduler
        self.most = most
        self.seen: list[Any] = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while len(self.seen) != self.most and (received := self.scheduler.receive()) is not END:
            self.seen.append(received[1])

    def result(self) -> list[Any]:
        self.thread.join(LONGEST_S)
        assert not self.thread.is_alive(), "a receive never returned"
        return self.seen


def test_a_thread_that_waits_receives_what_comes_and_then_the_end(blocking_shells: Shells) -> None:
    streams = [Watched(blocking_shells.make()) for _ in range(2)]
    receiver = Receiver(ThreadScheduler(streams))
    assert all(stream.waited_for.wait(LONGEST_S) for stream in streams)
    streams[1].stream.send(1)
    for stream in streams:
        stream.stream.complete()
    assert receiver.result() == [1]


def test_a_thread_that_waits_hears_of_a_stream_that_is_added(blocking_shells: Shells) -> None:
    watched = Watched(blocking_shells.make())
    scheduler: ThreadScheduler[Any] = ThreadScheduler([watched])
    receiver = Receiver(scheduler, most=1)
    assert watched.waited_for.wait(LONGEST_S)
    added = blocking_shells.make()
    added.send(1)
    scheduler.add(added)
    assert receiver.result() == [1]


def test_a_thread_that_waits_hears_of_a_failure(blocking_shells: Shells) -> None:
    watched = Watched(blocking_shells.make())
    receiver = Receiver(ThreadScheduler([watched]))
    assert watched.waited_for.wait(LONGEST_S)
    watched.stream.error(StreamError(Code.NOT_FOUND, ""))
    assert [failure.code for failure in receiver.result()] == [Code.NOT_FOUND]


def test_what_comes_between_the_look_and_the_wait_is_not_missed_in_threads_either() -> None:
    assert Receiver(ThreadScheduler([Sudden()]), most=2).result() == [1, 2]


def test_every_item_of_every_stream_is_received_once_and_in_order(blocking_shells: Shells) -> None:
    streams = [blocking_shells.make(capacity=n, priority=n) for n in range(4)]
    scheduler = ThreadScheduler(streams)
    receivers = [Receiver(scheduler) for _ in range(2)]

    def produce(n: int) -> None:
        for item in range(300):
            streams[n].send((n, item))
        streams[n].complete()

    producers = [threading.Thread(target=produce, args=(n,), daemon=True) for n in range(4)]
    for producer in producers:
        producer.start()
    seen = [receiver.result() for receiver in receivers]
    assert sorted(seen[0] + seen[1]) == [(n, item) for n in range(4) for item in range(300)]
    for items in seen:
        for n in range(4):
            of_one = [item for stream, item in items if stream == n]
            assert of_one == sorted(of_one)


def test_a_listener_may_add_a_stream_while_its_own_is_received_from(blocking_shells: Shells) -> None:
    first, second = blocking_shells.make(), blocking_shells.make()
    scheduler = ThreadScheduler([first])
    first.send(1)
    second.send(2)
    first.complete()
    second.complete()
    first.on_end(lambda: scheduler.add(second))
    assert Receiver(scheduler).result() == [1, 2]
