"""The limits of thread streams share one thread: none is late for another's sake, and none keeps its stream alive."""

from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thread_calls import ParkedQueue, Start, started_calls

from streamspec.reference_impl.stream import thread_limits
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import ENDED, Phase
from streamspec.reference_impl.stream.threads import Stream
from streamspec.reference_impl.stream.timer import Agenda

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S = 10.0
NEVER_S = 3600.0
SOON_S = 0.02


@pytest.fixture
def start() -> Iterator[Start]:
    with started_calls(LONGEST_S) as start:
        yield start


def limits() -> int:
    return sum(thread.name == "stream-limits" for thread in threading.enumerate())


def code(call: Callable[[], object]) -> object:
    try:
        return call()
    except StreamError as refusal:
        return refusal.code


class Hands:
    """In place of the timer and the helpers: turns are taken, and jobs done, when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.jobs: list[Callable[[], object]] = []
        self.agenda: Agenda[Any] = Agenda(thread_limits.look, self.clock, lambda: None)
        self.add = self.agenda.add
        self.run = self.jobs.append

    def clock(self) -> float:
        return self.now_s

    def pass_to(self, now_s: float) -> float | None:
        self.now_s = now_s
        return self.agenda.turn()

    def help(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


@contextmanager
def by_hand() -> Iterator[Hands]:
    hands = Hands()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", hands.clock)
        patch.setattr(thread_limits, "TIMER", hands)
        patch.setattr(thread_limits, "HELPERS", hands)
        yield hands


# By hand.

ENDS: list[Callable[[Stream[int]], object]] = [
    Stream.complete,
    Stream.cancel,
    lambda stream: stream.error(LookupError("gone")),
]


class Lives:
    """Streams with limits, and when each must end of itself."""

    def __init__(self, hands: Hands, limits: list[tuple[float | None, float | None]]) -> None:
        self.hands = hands
        self.heard: list[tuple[int, float]] = []  # which has ended, and when
        self.ended: list[tuple[int, float]] = []  # the same, as it should be
        self.streams: dict[int, Stream[int]] = {}
        self.deadline_at_s: dict[int, float] = {}
        self.idle_at_s: dict[int, float] = {}
        for n, (deadline_s, idle_s) in enumerate(limits):
            self.streams[n] = Stream(100, deadline_s=deadline_s, idle_s=idle_s)
            self.streams[n].on_end(partial(self.hear, n))
            self.deadline_at_s[n] = hands.now_s + (deadline_s or math.inf)
            self.idle_at_s[n] = hands.now_s + (idle_s or math.inf)

    def hear(self, n: int) -> None:
        self.heard.append((n, self.hands.now_s))

    def pass_by(self, seconds: int) -> None:
        self.hands.pass_to(self.hands.now_s + seconds)
        self.hands.help()
        up = [n for n in self.streams if min(self.deadline_at_s[n], self.idle_at_s[n]) <= self.hands.now_s]
        for n in up:
            self.ended.append((n, self.hands.now_s))
            assert self.streams.pop(n).state is Phase.EXPIRED

    def send(self, n: int) -> None:
        if n in self.streams and self.streams[n].state is Phase.OPEN:
            self.streams[n].send(1)
            self.idle_at_s[n] = self.hands.now_s + (self.streams[n].idle_s or math.inf)

    def complete(self, n: int) -> None:
        """It may drain, and expire meanwhile."""
        if n in self.streams and self.streams[n].state is Phase.OPEN:
            self.streams[n].complete()
            self.look_at(n)

    def receive(self, n: int) -> None:
        if n in self.streams and self.streams[n].ready:
            self.streams[n].receive_batch()
            self.look_at(n)

    def look_at(self, n: int) -> None:
        if self.streams[n].state in ENDED:
            self.ended.append((n, self.hands.now_s))
            del self.streams[n]


SOME_S = st.none() | st.integers(min_value=1, max_value=30).map(float)
STEPS = st.sampled_from([Lives.pass_by, Lives.pass_by, Lives.send, Lives.complete, Lives.receive])


@given(
    st.lists(st.tuples(SOME_S, SOME_S), min_size=1, max_size=12),
    st.lists(st.tuples(STEPS, st.integers(min_value=0, max_value=11)), max_size=60),
)
def test_each_stream_expires_once_at_its_own_time_and_leaves_nothing_behind(
    limits: list[tuple[float | None, float | None]], story: list[tuple[Callable[[Lives, int], None], int]]
) -> None:
    with by_hand() as hands:
        lives = Lives(hands, limits)
        for step, n in story:
            step(lives, n)
            assert sorted(lives.heard) == sorted(lives.ended)
            watched = sum(limits[n] != (None, None) for n in lives.streams)
            assert len(hands.agenda) == watched
        lives.pass_by(1_000)
        assert sorted(lives.heard) == sorted(lives.ended)
        assert set(lives.streams) == {n for n in lives.streams if limits[n] == (None, None)}
        assert (len(hands.agenda), hands.agenda.times()) == (0, 0)


@pytest.mark.parametrize("end", ENDS, ids=["complete", "cancel", "error"])
def test_a_stream_that_ends_early_is_collected_and_its_entry_is_gone(end: Callable[[Stream[int]], object]) -> None:
    with by_hand() as hands:
        stream: Stream[int] = Stream(deadline_s=NEVER_S, idle_s=NEVER_S)
        stream.on_end(lambda: None)
        refs = weakref.ref(stream), weakref.ref(stream._used())
        assert len(hands.agenda) == 1
        end(stream)
        assert len(hands.agenda) == 0
        del stream
        gc.collect()
        assert [ref() for ref in refs] == [None, None]


def test_streams_that_end_early_leave_no_times_behind_either() -> None:
    with by_hand() as hands:
        for _ in range(1_000):
            Stream[int](deadline_s=NEVER_S).cancel()
            if hands.agenda.times() > 100:
                hands.agenda.turn()
        assert (len(hands.agenda), hands.agenda.times() <= 100) == (0, True)


def test_a_stream_that_nobody_has_any_more_goes_with_its_items_before_its_time() -> None:
    class Item:
        pass

    with by_hand() as hands:
        stream: Stream[Item] = Stream(deadline_s=NEVER_S)
        item = Item()
        stream.send(item)
        refs = weakref.ref(item), weakref.ref(stream._used())
        del stream, item
        gc.collect()
        assert ([ref() for ref in refs], len(hands.agenda)) == ([None, None], 0)


@pytest.mark.parametrize("tell", [Stream.on_end, Stream.on_ready])
def test_whoever_is_to_be_told_of_the_end_is_told_though_nobody_has_the_stream(
    tell: Callable[[Stream[int], Callable[[], None]], None],
) -> None:
    with by_hand() as hands:
        heard: list[float] = []
        stream: Stream[int] = Stream(deadline_s=NEVER_S)
        tell(stream, lambda: heard.append(hands.now_s))
        guarded = weakref.ref(stream._used())
        del stream
        gc.collect()
        hands.pass_to(100.0 + NEVER_S)
        hands.help()
        gc.collect()
        assert (heard, guarded()) == ([100.0 + NEVER_S], None)


def test_whoever_has_been_told_of_an_item_keeps_the_stream_no_longer() -> None:
    with by_hand():
        stream: Stream[int] = Stream(deadline_s=NEVER_S)
        stream.on_ready(lambda: None)
        stream.send(1)
        guarded = weakref.ref(stream._used())
        del stream
        gc.collect()
        assert guarded() is None


def test_an_item_moves_the_idle_time_and_nothing_else() -> None:
    with by_hand() as hands:
        stream: Stream[int] = Stream(idle_s=10.0)
        for n in range(1_000):
            hands.now_s += 0.001
            stream.send(n)
            stream.receive()
        assert hands.agenda.times() == 1
        assert hands.pass_to(110.0) == pytest.approx(1.0)
        assert (hands.agenda.times(), stream.state) == (1, Phase.OPEN)
        hands.pass_to(111.5)
        assert stream.state is Phase.EXPIRED


def test_foreign_code_is_left_to_helpers_and_nothing_else_is() -> None:
    with by_hand() as hands:
        plain, heard, watched, full = (Stream[int](deadline_s=1.0) for _ in range(4))
        heard.on_end(lambda: None)
        watched.on_ready(lambda: None)
        full.send(1)
        hands.pass_to(101.0)
        assert [stream.state for stream in (plain, heard, watched, full)] == [Phase.EXPIRED] * 4
        assert len(hands.jobs) == 3


# With the thread.


def test_ten_thousand_streams_with_limits_cost_one_thread() -> None:
    before = threading.active_count() - limits()
    streams = [Stream[int](deadline_s=NEVER_S, idle_s=NEVER_S) for _ in range(10_000)]
    # A second thread that found the place taken may be about to go.
    assert 1 <= limits() <= 2
    assert threading.active_count() - limits() <= before
    for stream in streams:
        stream.cancel()


def test_many_that_are_due_at_once_all_expire() -> None:
    streams = [Stream[int](deadline_s=SOON_S) for _ in range(500)]
    over = threading.Semaphore(0)
    for stream in streams[::5]:
        stream.on_end(over.release)
    for _ in streams[::5]:
        assert over.acquire(timeout=LONGEST_S)
    last: Stream[int] = Stream(deadline_s=SOON_S)
    assert code(last.receive) is Code.TIMED_OUT
    assert {stream.state for stream in streams} == {Phase.EXPIRED}


def test_a_slow_listener_makes_no_other_stream_late(start: Start) -> None:
    may_go_on, in_listener = threading.Event(), threading.Semaphore(0)

    def listen() -> None:
        in_listener.release()
        assert may_go_on.wait(LONGEST_S)

    slow = [Stream[int](deadline_s=SOON_S) for _ in range(3)]
    parked = ParkedQueue()
    slow[0]._used().receivers = parked
    call = start(slow[0].receive)
    assert parked.parked.acquire(timeout=LONGEST_S) or slow[0].state is Phase.EXPIRED
    for stream in slow:
        stream.on_end(listen)
    for _ in slow:
        assert in_listener.acquire(timeout=LONGEST_S)
    other: Stream[int] = Stream(deadline_s=SOON_S)
    assert code(other.receive) is Code.TIMED_OUT
    may_go_on.set()
    assert code(lambda: call.result(LONGEST_S)) is Code.TIMED_OUT


def test_a_slow_finaliser_of_an_item_makes_no_other_stream_late() -> None:
    may_go_on, in_finaliser = threading.Event(), threading.Event()

    class Slow:
        def __del__(self) -> None:
            in_finaliser.set()
            may_go_on.wait(LONGEST_S)

    slow: Stream[Slow] = Stream(deadline_s=SOON_S)
    slow.send(Slow())
    assert in_finaliser.wait(LONGEST_S)
    other: Stream[int] = Stream(deadline_s=SOON_S)
    assert code(other.receive) is Code.TIMED_OUT
    may_go_on.set()


def test_a_stream_whose_lock_is_held_makes_no_other_stream_late_and_expires_afterwards(start: Start) -> None:
    held: Stream[int] = Stream(deadline_s=SOON_S)
    over = threading.Event()
    held.on_end(over.set)
    with held._used().lock:
        other: Stream[int] = Stream(deadline_s=2 * SOON_S)
        assert code(lambda: start(other.receive).result(LONGEST_S)) is Code.TIMED_OUT
        before = held.state
    assert over.wait(LONGEST_S)
    assert (before, held.state) == (Phase.OPEN, Phase.EXPIRED)


def test_parked_calls_go_on_after_the_listeners_of_an_expiry_too(start: Start) -> None:
    stream: Stream[int] = Stream(deadline_s=NEVER_S)
    parked = ParkedQueue()
    stream._used().receivers = parked
    heard: list[str] = []
    call = start(lambda: (code(stream.receive), [*heard]))
    assert parked.parked.acquire(timeout=LONGEST_S)
    stream.on_end(lambda: heard.append("listener"))
    stream._used().ends_at_s = 0
    assert thread_limits.look(stream._used()) is None
    assert call.result(LONGEST_S) == (Code.TIMED_OUT, ["listener"])
