"""The fast stream for threads under many threads that are switched as often as can be, and beside the slow one.

How many trials each sentence gets is STREAMSPEC_TRIALS, a factor; 1 takes a few seconds in all.
"""

from __future__ import annotations

import functools
import itertools
import os
import queue
import random
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.reference_impl.stream import tabled, thread_ends, thread_limits, thread_parked, threads
from streamspec.reference_impl.stream.dialect import Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import ENDED, Phase
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRIALS = float(os.environ.get("STREAMSPEC_TRIALS", "1"))
LONGEST_S = 30.0
TINY_S = 2e-5
SHARED = {"stream-limits", "stream-endings"}  # all streams have these, and they end by themselves


def trials(count: int) -> range:
    return range(max(1, int(count * TRIALS)))


@pytest.fixture(autouse=True)
def switched_often() -> Iterator[None]:
    before_s, threads = sys.getswitchinterval(), set(threading.enumerate())
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)
    left = {thread.name for thread in threading.enumerate() if thread not in threads}
    assert left <= SHARED, "a thread was left behind"


@pytest.fixture(params=[True, False], ids=["open", "locked"])
def atomic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_ends, "ATOMIC", request.param)


def together(*calls: Callable[[], object]) -> list[Any]:
    """Every call in a thread of its own, all at once; what each returned, or how it was refused."""
    line = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        line.wait(LONGEST_S)
        try:
            results[place] = call()
        except BaseException as raised:  # noqa: BLE001 -- looked at below
            results[place] = raised

    running = [threading.Thread(target=run, args=numbered, daemon=True) for numbered in enumerate(calls)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(LONGEST_S)
    assert not any(thread.is_alive() for thread in running), "somebody waits for ever"
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, StreamError):
            raise result
    return [result.code if isinstance(result, StreamError) else result for result in results]


def a_little_later(call: Callable[[], object]) -> Callable[[], object]:
    """Somewhere in the middle of what the others do."""
    turns = random.randrange(3000)

    def later() -> object:
        for _ in range(turns):
            pass
        return call()

    return later


Item = tuple[int, int]  # its sender, its number


class Sender:
    """Sends numbered items until told otherwise, and knows what it has sent."""

    def __init__(self, stream: Stream[Item], name: int, count: int = 10**9, timeout_s: float | None = None) -> None:
        self.sent: list[Item] = []
        self.timed_out = 0
        self._stream, self._name, self._count, self._timeout_s = stream, name, count, timeout_s

    def __call__(self) -> Code | None:
        """None when all were sent, else how it was refused."""
        for number in range(self._count):
            try:
                self._stream.send((self._name, number), self._timeout_s)
            except StreamError as refusal:
                if refusal.code is not Code.TIMED_OUT:
                    return refusal.code
                self.timed_out += 1
            else:
                self.sent.append((self._name, number))
        return None


class Receiver:
    """Receives until the end, by one of the ways there are; `got` also when it was refused."""

    WAYS = ("receive", "iterate", "batch", "poll")

    def __init__(self, stream: Stream[Item], way: str, most: int = 10**9) -> None:
        self.got: list[Item] = []
        self._stream, self._way, self._most = stream, way, most

    def __call__(self) -> Code | None:
        try:
            getattr(self, self._way)()
        except StreamError as ending:
            return ending.code
        return None

    def receive(self) -> None:
        while len(self.got) < self._most and (item := self._stream.receive()) is not END:
            self.got.append(item)

    def iterate(self) -> None:
        for item in self._stream:
            self.got.append(item)
            if len(self.got) >= self._most:
                break

    def batch(self) -> None:
        while len(self.got) < self._most and (items := self._stream.receive_batch()):
            self.got += items

    def poll(self) -> None:
        while len(self.got) < self._most:
            item = self._stream.poll()
            if item is EMPTY:
                ready = threading.Event()
                self._stream.on_ready(ready.set)
                assert ready.wait(LONGEST_S), "nobody said that there is something"
            elif item is END:
                return
            else:
                self.got.append(item)


def everything(senders: list[Sender]) -> Counter[Item]:
    return Counter(item for sender in senders for item in sender.sent)


def received(receivers: list[Receiver]) -> Counter[Item]:
    for receiver in receivers:
        for name in {name for name, _ in receiver.got}:
            numbers = [number for other, number in receiver.got if other == name]
            assert numbers == sorted(numbers), "items of one sender came in another order"
    return Counter(item for receiver in receivers for item in receiver.got)


def after_all(senders: list[Callable[[], object]], then: Callable[[], object]) -> list[Callable[[], object]]:
    """The senders, and `then` when all of them are done, in the thread of the last."""
    left = itertools.count(len(senders) - 1, -1)

    def run(sender: Callable[[], object]) -> object:
        said = sender()
        if next(left) == 0:
            then()
        return said

    return [functools.partial(run, sender) for sender in senders]


def sending_batches(stream: Stream[Item], name: int, count: int, size: int) -> Callable[[], None]:
    items = [(name, number) for number in range(count)]

    def send() -> None:
        for start in range(0, count, size):
            stream.send_batch(items[start : start + size])

    return send


CAPACITIES = (0, 1, 2, 3, 16, 17, 40, 600)


@pytest.mark.usefixtures("atomic")
@pytest.mark.parametrize("ways", [("receive",), ("iterate",), ("poll",), ("batch",), Receiver.WAYS])
def test_every_item_is_received_once_and_in_its_senders_order(ways: tuple[str, ...]) -> None:
    for trial in trials(32):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name, 60) for name in range(1 + trial % 4)]
        receivers = [Receiver(stream, way) for way in (ways if trial % 2 else ways[:1] * (1 + trial % 3))]
        together(*after_all([*senders], stream.complete), *receivers)
        assert received(receivers) == everything(senders)
        assert everything(senders).total() == 60 * len(senders)
        assert (stream.state, stream.buffered_amount) == (Phase.COMPLETED, 0)


@pytest.mark.parametrize("batches", [True, False], ids=["batches", "items"])
def test_the_bound_holds_at_every_moment(batches: bool) -> None:  # noqa: FBT001 -- a parameter
    for trial in trials(32):
        capacity = CAPACITIES[trial % len(CAPACITIES)]
        stream: Stream[Item] = Stream(capacity)
        over = threading.Event()
        receivers = [Receiver(stream, "receive"), Receiver(stream, "iterate")]
        seen: list[int] = []

        def look(stream: Stream[Item] = stream, over: threading.Event = over, seen: list[int] = seen) -> None:
            seen.append(stream.buffered_amount)  # on a busy machine all may be over before this thread runs at all
            while not over.is_set():
                seen.append(stream.buffered_amount)

        def end(stream: Stream[Item] = stream, over: threading.Event = over) -> None:
            stream.complete()
            over.set()

        def send(name: int, stream: Stream[Item] = stream) -> Callable[[], object]:
            return sending_batches(stream, name, 100, 9) if batches else Sender(stream, name, 100)

        together(*after_all([send(0), send(1), send(2)], end), *receivers, look)
        assert received(receivers).total() == 300
        assert 0 <= min(seen) <= max(seen) <= capacity


@pytest.mark.usefixtures("atomic")
def test_senders_that_come_together_fill_the_stream_and_no_more() -> None:
    for trial in trials(100):
        capacity = 3 + trial % 30
        stream: Stream[Item] = Stream(capacity, send_timeout_s=0)
        senders = [sending_batches(stream, name, 20, (trial + name) % 5 + 1) for name in range(3)]
        assert Code.TIMED_OUT in together(*senders, Sender(stream, 3, 20))
        assert stream.buffered_amount == capacity == len(stream.receive_batch())


@pytest.mark.usefixtures("atomic")
def test_nobody_waits_beside_room_or_beside_an_item() -> None:
    for trial in trials(200):
        capacity = CAPACITIES[1 + trial % 4]
        stream: Stream[Item] = Stream(capacity)
        senders = [Sender(stream, name, 20) for name in range(2)]
        receivers = [Receiver(stream, ("receive", "poll")[trial % 2], most=20) for _ in range(2)]
        senders.append(Sender(stream, 2, capacity))
        assert together(*senders, *receivers) == [None] * 5
        assert stream.buffered_amount == capacity


@pytest.mark.usefixtures("atomic")
def test_what_was_sent_before_complete_is_received_before_end_and_nothing_else() -> None:
    for trial in trials(200):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name) for name in range(1 + trial % 3)]
        receivers = [Receiver(stream, random.choice(Receiver.WAYS)) for _ in range(1 + trial % 2)]
        ends = {"listener": 0}

        def listen(ends: dict[str, int] = ends) -> None:
            ends["listener"] += 1

        stream.on_end(listen)
        said = together(*senders, *receivers, a_little_later(stream.complete))
        assert said == [Code.UNAVAILABLE] * len(senders) + [None] * (len(receivers) + 1)
        assert received(receivers) == everything(senders)
        assert (stream.state, stream.poll(), ends) == (Phase.COMPLETED, END, {"listener": 1})


def test_what_was_accepted_before_an_error_is_received_before_it() -> None:
    for trial in trials(200):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name) for name in range(1 + trial % 3)]
        receivers = [Receiver(stream, random.choice(Receiver.WAYS)) for _ in range(1 + trial % 2)]
        failure = StreamError(Code.NOT_FOUND, "gone")
        said = together(*senders, *receivers, a_little_later(functools.partial(stream.error, failure)))
        assert set(said[: len(senders)]) <= {Code.UNAVAILABLE, Code.NOT_FOUND}
        assert said[len(senders) :] == [Code.NOT_FOUND] * len(receivers) + [None]
        assert received(receivers) == everything(senders)


@pytest.mark.usefixtures("atomic")
def test_a_cancel_wakes_everybody_and_what_was_received_had_been_sent() -> None:
    for trial in trials(200):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name) for name in range(2)]
        receivers = [Receiver(stream, random.choice(Receiver.WAYS)) for _ in range(trial % 3)]
        sleeping = functools.partial(stream.sleep, LONGEST_S)
        said = together(*senders, *receivers, sleeping, a_little_later(stream.cancel))
        assert said == [Code.CANCELLED] * (len(said) - 1) + [True]
        assert received(receivers) <= everything(senders)
        assert (stream.state, stream.buffered_amount) == (Phase.CANCELLED, 0)
        assert together(*senders, *receivers) == [Code.CANCELLED] * (len(said) - 2)


def test_a_send_that_timed_out_was_never_sent() -> None:
    timed_out = 0
    for trial in trials(30):
        stream: Stream[Item] = Stream(trial % 4)
        senders = [Sender(stream, name, 60, random.choice([0, TINY_S, 10 * TINY_S])) for name in range(3)]
        receivers = [Receiver(stream, way) for way in ("receive", "iterate")]
        together(*after_all([*senders], stream.complete), *receivers)
        assert received(receivers) == everything(senders)
        timed_out += sum(sender.timed_out for sender in senders)
    assert timed_out > 0


@pytest.mark.usefixtures("atomic")
def test_a_pause_delivers_nothing_and_loses_nothing() -> None:
    for trial in trials(30):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name, 60) for name in range(2)]
        receivers = [Receiver(stream, way) for way in ("receive", "iterate", "poll")]
        over = threading.Event()

        def pausing(stream: Stream[Item] = stream, over: threading.Event = over) -> None:
            while not over.is_set():
                stream.pause()
                held = [stream.buffered_amount for _ in range(3)]
                assert stream.poll() is EMPTY or stream.state is not Phase.OPEN
                stream.resume()
                # Nobody takes while it is paused, so what is held can only become more.
                assert held == sorted(held)

        def end(stream: Stream[Item] = stream, over: threading.Event = over) -> None:
            over.set()
            stream.complete()

        together(*after_all([*senders], end), *receivers, pausing)
        assert received(receivers) == everything(senders)


@pytest.mark.usefixtures("atomic")
def test_everything_at_once_loses_nothing() -> None:
    for trial in trials(40):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name, 60, timeout_s) for name, timeout_s in enumerate([None, TINY_S, 50 * TINY_S])]
        receivers = [Receiver(stream, way) for way in Receiver.WAYS]
        over = threading.Event()

        def disturb(stream: Stream[Item] = stream, over: threading.Event = over) -> None:
            while not over.is_set():
                random.choice([stream.pause, stream.resume, stream.resume])()
                assert stream.buffered_amount >= 0
            stream.resume()

        def end(stream: Stream[Item] = stream, over: threading.Event = over) -> None:
            over.set()
            stream.complete()

        batches = sending_batches(stream, 9, 60, 7)
        said = together(*after_all([*senders, batches], end), *receivers, disturb)
        assert said == [None] * len(said)
        assert received(receivers) == everything(senders) + Counter((9, number) for number in range(60))


def test_of_endings_at_once_one_succeeds_and_everybody_is_told_once() -> None:
    for trial in trials(300):
        stream: Stream[Item] = Stream(trial % 3)
        told: list[int] = []
        failure = StreamError(Code.NOT_FOUND, "gone")
        tells = [functools.partial(told.append, n) for n in range(4)]
        listening = [functools.partial(stream.on_end, tell) for tell in tells]
        endings: list[Callable[[], object]] = [stream.complete, stream.complete]
        endings.append(functools.partial(stream.error, failure))
        said = together(*endings, *listening, stream.receive)
        assert Counter(said[:3]) == {None: 1, Code.UNAVAILABLE: 2}
        assert said[-1] == (Code.NOT_FOUND if said[2] is None else END)
        assert sorted(told) == [0, 1, 2, 3]


def test_a_deadline_in_the_middle_ends_everything() -> None:
    for trial in trials(60):
        stream: Stream[Item] = Stream(trial % 3, **{("deadline_s", "idle_s")[trial % 2]: 1e-3})  # type: ignore[arg-type]
        senders = [Sender(stream, name, 10**9 if trial % 2 == 0 else 5) for name in range(2)]
        receivers = [Receiver(stream, "receive"), Receiver(stream, "iterate")]
        said = together(*senders, *receivers)
        assert set(said[:2]) <= {Code.CANCELLED, None}
        assert (said[2:], stream.state) == ([Code.TIMED_OUT] * 2, Phase.EXPIRED)
        assert received(receivers) <= everything(senders)
        assert stream._used().limit is None


def test_one_who_leaves_an_iteration_cancels_for_all() -> None:
    for trial in trials(120):
        stream: Stream[Item] = Stream(CAPACITIES[trial % len(CAPACITIES)])
        senders = [Sender(stream, name) for name in range(2)]
        receivers = [Receiver(stream, "iterate", most=trial % 20 + 1), Receiver(stream, "iterate")]
        assert together(*senders, *receivers) == [Code.CANCELLED, Code.CANCELLED, None, Code.CANCELLED]


def test_an_end_told_once_is_told_once() -> None:
    for _ in trials(200):
        stream: Stream[int] = Stream(dialect=Dialect(receive_after_end="refuse"))
        stream.complete()
        said = together(*[stream.receive] * 4)
        assert Counter(said) == {END: 1, Code.UNAVAILABLE: 3}


def test_the_first_call_of_many_threads_makes_one_lock() -> None:
    for _ in trials(300):
        stream: Stream[Item] = Stream(2)
        receiver = Receiver(stream, "receive", most=2)
        together(*[functools.partial(stream.send, (name, 0)) for name in range(2)], receiver)
        assert received([receiver]) == Counter([(0, 0), (1, 0)])


# The same story told to the slow stream, which asks the table.


class _Wait:
    """A parked call's wait, which can be watched and interrupted, whichever kind of stream it is for."""

    def __init__(self, news: queue.SimpleQueue[object], waits: dict[int, _Wait]) -> None:
        self.interrupted = False
        self._woken = threading.Semaphore(0)
        self._news = news
        waits[threading.get_ident()] = self

    def acquire(self, *, timeout: float = -1) -> bool:
        self._news.put("somebody waits")
        woken = self._woken.acquire(timeout=LONGEST_S if timeout < 0 else timeout)
        if self.interrupted:
            raise KeyboardInterrupt
        return woken

    def release(self) -> None:
        self._woken.release()

    # What the slow stream says instead.

    def wait(self, timeout_s: float | None = None) -> bool:
        return self.acquire(timeout=-1 if timeout_s is None else timeout_s)

    def set(self) -> None:
        self.release()

    def gone(self) -> bool:
        return False


class Told:
    """A stream to which a story is told, each call in its own thread; the next only when nothing can move any more."""

    def __init__(self, stream: Any, parked: Callable[[], int], waits: dict[int, _Wait], news: Any) -> None:
        self.stream = stream
        self.ended: dict[int, object] = {}
        self.heard: list[object] = []
        self._parked, self._waits, self._news = parked, waits, news
        self._running: dict[int, threading.Thread] = {}
        self._numbers = itertools.count()

    def start(self, name: str, *arguments: object) -> None:
        """A call that may have to wait."""
        number = next(self._numbers)

        def run() -> None:
            self._run(number, name, *arguments)
            self._news.put("a call is over")

        self._running[number] = threading.Thread(target=run, name=name, daemon=True)
        self._running[number].start()
        self.settle()

    def call(self, name: str, *arguments: object) -> None:
        """A call that does not wait."""
        self._run(next(self._numbers), name, *arguments)
        self.settle()

    def _run(self, number: int, name: str, *arguments: object) -> None:
        try:
            said = getattr(self.stream, name)(*arguments)
        except StreamError as refusal:
            said = (refusal.code, refusal.message)
        except KeyboardInterrupt:
            said = "interrupted"
        self.ended[number] = said

    def is_quiet(self) -> bool:
        return not self._running

    def is_single(self) -> bool:
        return len(self.waiting()) == len(self._running) and all(
            thread.name != "send_batch" for thread in self._running.values()
        )

    def waiting(self) -> list[_Wait]:
        """The calls that wait and nobody has interrupted yet, the oldest first."""
        waits = [self._waits[cast("int", thread.ident)] for thread in self._running.values()]
        return [wait for wait in waits if not wait.interrupted]

    def interrupt(self, wait: _Wait) -> None:
        wait.interrupted = True
        wait.release()
        for number, thread in [*self._running.items()]:
            if self._waits[cast("int", thread.ident)] is wait:
                self._running.pop(number).join(LONGEST_S)
        self.settle()

    def settle(self) -> None:
        while len(self._running) > self._parked():
            self._news.get(timeout=LONGEST_S)
            for number in [*self._running]:
                if number in self.ended:
                    self._running.pop(number).join(LONGEST_S)

    def listen(self, kind: str) -> None:
        self.call(kind, lambda: self.heard.append((kind, self.stream.state)))

    def look(self) -> object:
        stream = self.stream
        return stream.state, stream.ready, stream.buffered_amount, self._parked(), self.ended, self.heard

    def over(self) -> None:
        self.call("cancel")
        assert self._running == {}


def fast(patch: pytest.MonkeyPatch, capacity: int, dialect: Dialect) -> Told:
    news: queue.SimpleQueue[object] = queue.SimpleQueue()
    waits: dict[int, _Wait] = {}
    stream: Stream[int] = Stream(capacity, dialect=dialect)
    guarded = stream._used()

    def parked(queue: Any, item: Any = None) -> thread_parked.Parked[Any]:
        made: thread_parked.Parked[Any] = thread_parked.Parked(queue, item)
        made.wake = _Wait(news, waits)  # type: ignore[assignment]
        return made

    def count() -> int:
        with guarded.lock:
            return len(guarded.senders) + len(guarded.receivers)

    patch.setattr(threads, "Parked", parked)
    return Told(stream, count, waits, news)


def slow(patch: pytest.MonkeyPatch, capacity: int, dialect: Dialect) -> Told:
    news: queue.SimpleQueue[object] = queue.SimpleQueue()
    waits: dict[int, _Wait] = {}
    patch.setattr(tabled, "_Rung", lambda: _Wait(news, waits))
    stream: tabled.ThreadStream[int] = tabled.ThreadStream(capacity, dialect=dialect)

    def count() -> int:
        with stream._lock:
            return stream._holder.state.senders + stream._holder.state.receivers

    return Told(stream, count, waits, news)


def expire(told: Told) -> None:
    if isinstance(told.stream, tabled.ThreadStream):
        told.stream._holder.expire()
    else:
        guarded = told.stream._used()
        guarded.ends_at_s = 0.0
        if guarded.phase not in ENDED:
            thread_limits.watch_the_time(guarded)
    told.settle()


def interrupt(told: Told, which: int) -> None:
    if waiting := told.waiting():
        told.interrupt(waiting[which % len(waiting)])


def interrupt_when_answered(told: Told, which: int) -> None:
    # One at a time and no batch beside it: what two threads do at once has more than one right outcome.
    if told.is_single() and (waiting := told.waiting()):
        waiting[which % len(waiting)].interrupted = True


def take_all(told: Told) -> None:
    # In one step only where it does not wait: afterwards it would go on beside whoever else was answered.
    if told.stream.ready:
        told.call("receive_batch")


FAILURE = StreamError(Code.NOT_FOUND, "gone")
STEPS: dict[str, Callable[[Told, int], object]] = {
    "send": lambda told, n: told.start("send", n),
    "send now": lambda told, n: told.call("send", n, 0),
    "send some": lambda told, n: told.start("send_batch", [n + 0.25, n + 0.5][: 2 if told.is_quiet() else 1]),
    "receive": lambda told, _: told.start("receive"),
    "poll": lambda told, _: told.call("poll"),
    "take all": lambda told, _: take_all(told),
    "pause": lambda told, _: told.call("pause"),
    "resume": lambda told, _: told.call("resume"),
    "complete": lambda told, _: told.call("complete"),
    "error": lambda told, _: told.call("error", FAILURE),
    "cancel": lambda told, n: told.call("cancel", f"reason {n}"),
    "expire": lambda told, _: expire(told),
    "interrupt": interrupt,
    "interrupt when answered": interrupt_when_answered,
    "on_end": lambda told, _: told.listen("on_end"),
    "on_ready": lambda told, _: told.listen("on_ready"),
}
OFTEN = ["send", "send now", "receive", "poll", "interrupt when answered", "pause", "resume"]
DIALECTS = st.builds(
    Dialect,
    complete_twice=st.sampled_from(["refuse", "ignore"]),
    send_after_end=st.sampled_from(["UNAVAILABLE", "INTERNAL"]),
    send_after_cancel=st.sampled_from(["CANCELLED", "UNAVAILABLE"]),
    end_after_cancel=st.sampled_from(["ignore", "refuse"]),
    error_after_complete=st.sampled_from(["refuse", "ignore", "override"]),
    cancel_twice=st.sampled_from([None, False]),
    buffered_after_error=st.sampled_from(["deliver", "discard"]),
    receive_after_end=st.sampled_from(["end", "refuse"]),
)


@settings(max_examples=len(trials(150)), deadline=None)
@given(st.integers(0, 3), DIALECTS, st.lists(st.sampled_from([*STEPS, *OFTEN * 2]), max_size=25), st.booleans())
def test_it_does_what_the_table_says(capacity: int, dialect: Dialect, story: list[str], atomic: bool) -> None:  # noqa: FBT001 -- drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thread_ends, "ATOMIC", atomic)
        both = [fast(patch, capacity, dialect), slow(patch, capacity, dialect)]
        for number, step in enumerate(story):
            for told in both:
                STEPS[step](told, number)
            assert both[0].look() == both[1].look(), step
        for told in both:
            told.over()
        assert both[0].ended == both[1].ended
