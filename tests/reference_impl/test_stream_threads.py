"""The fast stream for threads, rule by rule: its ends open where they may be, and with all calls under the lock."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

import pytest
from thread_calls import ParkedQueue, Start, started_calls

from streamspec.reference_impl.stream import dialect as dialects
from streamspec.reference_impl.stream import thread_ends, thread_limits, thread_parked, threads
from streamspec.reference_impl.stream.dialect import Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S = 10.0
NEVER_S = 3600.0
SOON_S = 0.02


@pytest.fixture(params=[True, False], ids=["open", "locked"], autouse=True)
def atomic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(thread_ends, "ATOMIC", request.param)
    return bool(request.param)


@pytest.fixture
def start() -> Iterator[Start]:
    with started_calls(LONGEST_S) as start:
        yield start


def until_parked(*queues: Any) -> None:
    for queue in queues:
        assert queue.parked.acquire(timeout=LONGEST_S), "nobody parked"


def watched(*arguments: Any, **options: Any) -> tuple[Stream[Any], ParkedQueue, ParkedQueue]:
    """A stream with its parked senders and receivers."""
    stream: Stream[Any] = Stream(*arguments, **options)
    guarded = stream._used()
    senders, receivers = ParkedQueue(), ParkedQueue()
    guarded.senders, guarded.receivers, guarded.sleepers = senders, receivers, ParkedQueue()
    return stream, senders, receivers


def said(call: Future[Any] | Callable[[], object]) -> object:
    """What a call answered, or the code with which it was refused."""
    try:
        return call.result(LONGEST_S) if isinstance(call, Future) else call()
    except StreamError as refusal:
        return refusal.code


def rest(stream: Stream[Any]) -> list[object]:
    """What the consumer still gets without waiting; the last of it is EMPTY, END or a code."""
    seen: list[object] = [said(stream.poll)]
    while isinstance(seen[-1], int):
        seen.append(said(stream.poll))
    return seen


# Without waiting.


def test_its_options_can_be_read() -> None:
    stream: Stream[int] = Stream(
        3, dialect=dialects.RAFFEL, send_timeout_s=1.0, deadline_s=NEVER_S, idle_s=NEVER_S, priority=2
    )
    assert (stream.capacity, stream.dialect, stream.send_timeout_s, stream.priority) == (3, dialects.RAFFEL, 1.0, 2)
    assert (stream.deadline_s, stream.idle_s) == (NEVER_S, NEVER_S)
    stream.cancel()
    assert (Stream[int]().capacity, Stream[int]().dialect) == (16, dialects.DEFAULT)
    with pytest.raises(ValueError, match="0 or more"):
        Stream(-1)


def test_items_come_in_order_and_then_end_for_ever() -> None:
    stream: Stream[int] = Stream(100)
    for n in range(100):
        stream.send(n)
    stream.complete()
    assert [stream.receive() for _ in range(102)] == [*range(100), END, END]
    assert stream.state is Phase.COMPLETED


def test_the_bound_is_exact_whoever_takes_part() -> None:
    for capacity in (1, 2, 15, 16, 17, 300):
        stream: Stream[int] = Stream(capacity)
        for n in range(capacity):
            stream.send(n)
            assert stream.buffered_amount == n + 1
        assert said(lambda stream=stream: stream.send(-1, timeout_s=0)) == Code.TIMED_OUT  # type: ignore[misc]
        assert stream.receive() == 0
        stream.send(-1)
        assert said(lambda stream=stream: stream.send(-1, timeout_s=0)) == Code.TIMED_OUT  # type: ignore[misc]
        assert rest(stream) == [*range(1, capacity), -1, EMPTY]


def test_a_poll_says_empty_where_a_receive_would_wait() -> None:
    stream: Stream[int] = Stream()
    assert (stream.poll(), stream.ready, stream.state, stream.buffered_amount) == (EMPTY, False, Phase.OPEN, 0)
    stream.send(1)
    assert (stream.ready, stream.poll(), stream.poll()) == (True, 1, EMPTY)
    stream.complete()
    assert (stream.ready, stream.poll()) == (True, END)


def test_batches_are_as_single_items() -> None:
    stream: Stream[int] = Stream(10)
    stream.send_batch([1, 2, 3])
    stream.send_batch((4, 5))
    stream.send_batch(n for n in (6, 7))
    stream.send_batch([])
    assert stream.buffered_amount == 7
    assert stream.receive_batch() == [1, 2, 3, 4, 5, 6, 7]
    stream.complete()
    assert [stream.receive_batch(), stream.receive_batch()] == [[], []]
    assert said(lambda: stream.send_batch([1])) == Code.UNAVAILABLE
    stream.send_batch([])


def test_batches_and_single_items_keep_one_order_and_one_bound() -> None:
    stream: Stream[int] = Stream(30)
    for n in range(0, 30, 5):
        stream.send(n)
        stream.send(n + 1)
        stream.send_batch([n + 2, n + 3])
        stream.send(n + 4)
    assert stream.buffered_amount == 30
    assert [stream.receive(), stream.receive(), *stream.receive_batch()] == list(range(30))


def test_an_error_shows_after_what_was_accepted_as_often_as_asked() -> None:
    stream: Stream[int] = Stream()
    stream.send(1)
    stream.error(StreamError(Code.NOT_FOUND, "no such thing"))
    assert stream.state is Phase.ERRORED
    assert said(lambda: stream.send(2)) == Code.UNAVAILABLE
    assert stream.receive() == 1
    for _ in range(2):
        with pytest.raises(StreamError, match="NOT_FOUND: no such thing"):
            stream.receive()


def test_of_two_endings_one_succeeds_once() -> None:
    stream: Stream[int] = Stream()
    stream.send(1)
    stream.complete()
    assert stream.state is Phase.DRAINING
    for late in (stream.complete, lambda: stream.error(ValueError())):
        assert said(late) == Code.UNAVAILABLE
    assert rest(stream) == [1, END]
    for late in (stream.complete, lambda: stream.error(ValueError())):
        assert said(late) == Code.UNAVAILABLE


def test_a_cancel_discards_and_is_for_ever() -> None:
    stream: Stream[int] = Stream()
    stream.send(1)
    assert [stream.cancel("enough"), stream.cancel("more")] == [True, None]
    assert (stream.state, stream.buffered_amount, stream.ready) == (Phase.CANCELLED, 0, True)
    stream.complete()
    stream.error(ValueError())
    for call in (stream.receive, stream.poll, lambda: stream.send(2), stream.receive_batch, lambda: stream.sleep(1)):
        with pytest.raises(StreamError, match="CANCELLED: enough"):
            call()


def test_cancelling_an_errored_stream_only_discards() -> None:
    stream: Stream[int] = Stream()
    stream.send(1)
    stream.error(StreamError(Code.INTERNAL, "broken"))
    assert stream.cancel() is None
    assert (stream.state, stream.buffered_amount, said(stream.receive)) == (Phase.ERRORED, 0, Code.INTERNAL)


def test_a_pause_holds_items_and_what_comes_after_them() -> None:
    stream: Stream[int] = Stream(3)
    stream.send(1)
    stream.pause()
    assert (stream.poll(), stream.ready) == (EMPTY, False)
    stream.send(2)
    stream.send(3)
    assert said(lambda: stream.send(4, timeout_s=0)) == Code.TIMED_OUT
    stream.complete()
    assert (stream.poll(), stream.ready, stream.state) == (EMPTY, False, Phase.DRAINING)
    stream.resume()
    assert rest(stream) == [1, 2, 3, END]


def test_an_ending_with_nothing_before_it_shows_in_a_pause() -> None:
    stream: Stream[int] = Stream()
    stream.pause()
    stream.complete()
    assert stream.receive() is END


def test_fast_receives_stop_with_the_pause() -> None:
    stream: Stream[int] = Stream(8)
    stream.send_batch(range(8))
    iterator = iter(stream)
    assert [stream.receive(), next(iterator)] == [0, 1]
    stream.pause()
    assert stream.poll() is EMPTY
    stream.resume()
    assert next(iterator) == 2


# Dialects.


def _ended(dialect: Dialect, end: Callable[[Stream[int]], object]) -> Stream[int]:
    stream: Stream[int] = Stream(dialect=dialect)
    stream.send(1)
    end(stream)
    return stream


def _fail(stream: Stream[int]) -> None:
    stream.error(StreamError(Code.INTERNAL, "broken"))


def test_dialects_answer_as_their_systems_do() -> None:
    def completed(**switch: Any) -> Stream[int]:
        return _ended(Dialect(**switch), Stream.complete)

    def cancelled(**switch: Any) -> Stream[int]:
        return _ended(Dialect(**switch), Stream.cancel)

    assert said(completed(complete_twice="ignore").complete) is None
    assert said(lambda: completed(send_after_end="INTERNAL").send(2)) == Code.INTERNAL
    assert said(lambda: cancelled(send_after_cancel="UNAVAILABLE").send(2)) == Code.UNAVAILABLE
    assert said(cancelled(end_after_cancel="refuse").complete) == Code.CANCELLED
    assert said(lambda: _fail(cancelled(end_after_cancel="refuse"))) == Code.CANCELLED
    assert cancelled(cancel_twice=False).cancel() is False
    ignoring = completed(error_after_complete="ignore")
    _fail(ignoring)
    assert rest(ignoring) == [1, END]
    overriding = completed(error_after_complete="override")
    _fail(overriding)
    assert rest(overriding) == [1, Code.INTERNAL]
    assert rest(_ended(Dialect(buffered_after_error="discard"), _fail)) == [Code.INTERNAL]
    refusing = completed(receive_after_end="refuse")
    assert rest(refusing) == [1, END]
    assert said(refusing.receive) == Code.UNAVAILABLE


def test_an_end_told_to_a_parked_receiver_is_told(start: Start) -> None:
    stream, _, receivers = watched(dialect=Dialect(receive_after_end="refuse"))
    call = start(stream.receive)
    until_parked(receivers)
    stream.complete()
    assert (said(call), said(stream.receive)) == (END, Code.UNAVAILABLE)


# Parked calls.


def test_parked_senders_go_in_order_one_with_each_receive(start: Start) -> None:
    stream, senders, _ = watched(2)
    stream.send_batch([0, 1])
    calls = []
    for n in (2, 3, 4):
        calls.append(start(stream.send, n))
        until_parked(senders)
    assert (stream.receive(), said(calls[0])) == (0, None)
    assert (len(senders), stream.buffered_amount, calls[1].done()) == (2, 2, False)
    assert said(lambda: stream.send(5, timeout_s=0)) == Code.TIMED_OUT  # room for nobody
    assert [stream.receive() for _ in range(2)] == [1, 2]
    assert [said(call) for call in calls] == [None] * 3
    assert rest(stream) == [3, 4, EMPTY]


@pytest.mark.parametrize("batch", [[3], [2, 3]])
def test_a_receive_that_makes_room_at_the_last_moment_is_seen(
    monkeypatch: pytest.MonkeyPatch,
    batch: list[int],
    atomic: bool,  # noqa: FBT001 -- a fixture
) -> None:
    stream: Stream[int] = Stream(2, send_timeout_s=0)
    stream.send_batch([1, 2][: 3 - len(batch)])
    revoke = thread_ends.Ends.revoke
    received: list[int] = []

    def late(ends: thread_ends.Ends[int]) -> None:
        received.extend(itertools.islice(ends.outbox, 1))
        revoke(ends)

    monkeypatch.setattr(thread_ends.Ends, "revoke", late)
    answer = said(lambda: stream.send_batch(batch))
    # Where every call takes the lock, there is no such moment.
    assert (received, answer) == (([1], None) if atomic else ([], Code.TIMED_OUT))


def test_a_batch_releases_every_parked_sender_and_takes_what_they_bring(start: Start) -> None:
    stream, senders, _ = watched(1)
    stream.send(0)
    calls = []
    for n in (1, 2):
        calls.append(start(stream.send, n))
        until_parked(senders)
    assert stream.receive_batch() == [0, 1, 2]
    assert [said(call) for call in calls] == [None, None]


def test_a_batch_parks_where_there_is_no_room_and_goes_on(start: Start) -> None:
    stream, senders, _ = watched(2)
    call = start(stream.send_batch, [0, 1, 2, 3, 4])
    until_parked(senders)
    assert (stream.buffered_amount, stream.receive()) == (2, 0)
    received: list[object] = [stream.receive() for _ in range(4)]
    assert (received, said(call)) == ([1, 2, 3, 4], None)


def test_parked_receivers_are_served_in_order(start: Start) -> None:
    stream, _, receivers = watched(0)
    calls = []
    for _ in range(3):
        calls.append(start(stream.receive))
        until_parked(receivers)
    stream.send(1)
    stream.send_batch([2, 3])
    assert [said(call) for call in calls] == [1, 2, 3]


@pytest.mark.parametrize("capacity", [0, 1, 5])
def test_a_receiver_that_waits_is_handed_the_item(start: Start, capacity: int) -> None:
    stream, _, receivers = watched(capacity)
    call = start(stream.receive)
    until_parked(receivers)
    stream.send(1)
    assert (said(call), stream.buffered_amount) == (1, 0)


def test_a_rendezvous_has_no_buffer(start: Start) -> None:
    stream, senders, _ = watched(0)
    assert said(lambda: stream.send(0, timeout_s=0)) == Code.TIMED_OUT
    call = start(stream.send, 1)
    until_parked(senders)
    assert (stream.buffered_amount, stream.ready, call.done()) == (0, True, False)
    assert (stream.receive(), said(call), stream.poll()) == (1, None, EMPTY)


def test_complete_lets_parked_senders_finish(start: Start) -> None:
    stream, senders, _ = watched(1)
    stream.send(0)
    call = start(stream.send, 1)
    until_parked(senders)
    stream.complete()
    assert said(lambda: stream.send(2)) == Code.UNAVAILABLE
    assert (rest(stream), said(call), stream.state) == ([0, 1, END], None, Phase.COMPLETED)


def test_an_error_refuses_parked_senders_with_it(start: Start) -> None:
    stream, senders, _ = watched(1)
    stream.send(0)
    call = start(stream.send, 1)
    until_parked(senders)
    stream.error(StreamError(Code.NOT_FOUND, "gone"))
    assert (said(call), rest(stream)) == (Code.NOT_FOUND, [0, Code.NOT_FOUND])


@pytest.mark.parametrize("capacity", [0, 2])
def test_a_cancel_wakes_everybody(start: Start, capacity: int) -> None:
    stream, senders, receivers = watched(capacity)
    stream.pause()
    stream.send_batch(range(capacity))
    calls = [start(stream.send, n) for n in range(3)] + [start(stream.receive) for _ in range(3)]
    until_parked(*[senders] * 3, *[receivers] * 3)
    sleeper = start(stream.sleep, NEVER_S)
    until_parked(stream._used().sleepers)
    stream.cancel()
    assert [said(call) for call in (*calls, sleeper)] == [Code.CANCELLED] * 7


@pytest.mark.parametrize(
    ("end", "shown"),
    [(Stream.complete, END), (_fail, Code.INTERNAL), (Stream.cancel, Code.CANCELLED)],
    ids=["complete", "error", "cancel"],
)
def test_every_parked_receiver_learns_of_the_end(start: Start, end: Callable[[Any], object], shown: object) -> None:
    stream, _, receivers = watched()
    calls = [start(stream.receive), start(stream.receive), start(lambda: [*stream])]
    until_parked(*[receivers] * 3)
    end(stream)
    assert [said(call) for call in calls] == [shown, shown, [] if shown is END else shown]


def test_receivers_that_wait_in_a_pause_are_served_in_order_at_resume(start: Start) -> None:
    stream, _, receivers = watched(2)
    calls = []
    for _ in range(3):
        calls.append(start(stream.receive))
        until_parked(receivers)
    stream.pause()
    stream.send_batch([1, 2])
    assert (stream.buffered_amount, said(lambda: stream.send(3, timeout_s=0))) == (2, Code.TIMED_OUT)
    stream.resume()
    stream.send(3)
    assert [said(call) for call in calls] == [1, 2, 3]


def test_a_send_that_times_out_was_not_sent_and_ends_nothing(start: Start) -> None:
    stream: Stream[int] = Stream(1, send_timeout_s=SOON_S)
    stream.send(0)
    with pytest.raises(StreamError, match=r"TIMED_OUT: the consumer was not ready within 0\.02 s"):
        stream.send(1)
    with pytest.raises(StreamError, match=r"within 0\.01 s"):
        stream.send(1, timeout_s=0.01)
    with pytest.raises(StreamError, match="TIMED_OUT"):
        stream.send_batch([1, 2])
    assert said(lambda: stream.send(1, timeout_s=-1)) == Code.TIMED_OUT
    assert (stream.state, rest(stream)) == (Phase.OPEN, [0, EMPTY])


def test_a_send_released_as_its_time_ran_out_was_sent(interrupts: pytest.MonkeyPatch) -> None:
    stream: Stream[int] = Stream(1)
    stream.send(1)
    interrupt_the_next(interrupts, stream.receive, time_is_up=True)
    stream.send(2, timeout_s=NEVER_S)
    assert rest(stream) == [2, EMPTY]


def test_a_send_that_times_out_completes_a_stream_that_drained_but_for_it(start: Start) -> None:
    stream, senders, _ = watched(0)
    call = start(stream.send, 1, SOON_S)
    until_parked(senders)
    stream.complete()
    assert (said(call), stream.state) == (Code.TIMED_OUT, Phase.COMPLETED)


# Interrupts.


class _Wake:
    """A parked call's lock. Its first wait ends once `meanwhile` has happened, by an interrupt or as its time is up."""

    def __init__(self, meanwhile: Callable[[], object], *, time_is_up: bool) -> None:
        self.before_next_wait: list[Callable[[], object]] = []
        self._meanwhile: Callable[[], object] | None = meanwhile
        self._time_is_up = time_is_up
        self._lock = threading.Lock()
        self._lock.acquire()

    def acquire(self, *, timeout: float = -1) -> bool:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is None:
            for call in self.before_next_wait:
                call()
            return self._lock.acquire(timeout=timeout)
        meanwhile()
        if self._time_is_up:
            return False
        raise KeyboardInterrupt

    def release(self) -> None:
        self._lock.release()


def interrupt_the_next(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object], *, time_is_up: bool = False
) -> _Wake:
    """The next call that parks gets such a lock."""
    wake = _Wake(meanwhile, time_is_up=time_is_up)

    def parked(queue: Any, item: Any = None) -> thread_parked.Parked[Any]:
        monkeypatch.undo()
        parked: thread_parked.Parked[Any] = thread_parked.Parked(queue, item)
        parked.wake = wake  # type: ignore[assignment]
        return parked

    monkeypatch.setattr(threads, "Parked", parked)
    return wake


@pytest.fixture
def interrupts() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:  # its undo must leave `atomic` alone
        yield patch


def test_an_interrupted_receiver_gives_its_item_back_to_the_front(interrupts: pytest.MonkeyPatch) -> None:
    stream: Stream[int] = Stream(2)
    interrupt_the_next(interrupts, lambda: stream.send_batch([1, 2, 3]))
    with pytest.raises(KeyboardInterrupt):
        stream.receive()
    assert (stream.buffered_amount, said(lambda: stream.send(4, timeout_s=0))) == (3, Code.TIMED_OUT)
    assert rest(stream) == [1, 2, 3, EMPTY]
    stream.send_batch([4, 5])


def test_an_item_given_back_takes_its_room(interrupts: pytest.MonkeyPatch) -> None:
    stream: Stream[int] = Stream(2)
    interrupt_the_next(interrupts, lambda: stream.send_batch([1, 2]))
    with pytest.raises(KeyboardInterrupt):
        stream.receive()
    assert (stream.buffered_amount, said(lambda: stream.send(3, timeout_s=0))) == (2, Code.TIMED_OUT)
    assert rest(stream) == [1, 2, EMPTY]


def test_items_given_back_come_before_what_was_sent_since(interrupts: pytest.MonkeyPatch, start: Start) -> None:
    stream, _, receivers = watched(2)
    calls: list[Future[Any]] = []

    def meanwhile() -> None:
        stream.send(1)
        stream.pause()
        calls.append(start(stream.receive))
        until_parked(receivers, receivers)
        stream.send(2)

    interrupt_the_next(interrupts, meanwhile)
    with pytest.raises(KeyboardInterrupt):
        stream.receive()
    stream.resume()
    assert (said(calls[0]), rest(stream)) == (1, [2, EMPTY])


def test_an_item_given_back_goes_to_the_next_parked_receiver(interrupts: pytest.MonkeyPatch, start: Start) -> None:
    stream, _, receivers = watched(2)
    calls: list[Future[Any]] = []

    def meanwhile() -> None:
        calls.append(start(stream.receive))
        until_parked(receivers, receivers)
        stream.send(1)

    interrupt_the_next(interrupts, meanwhile)
    with pytest.raises(KeyboardInterrupt):
        stream.receive()
    assert said(calls[0]) == 1


def test_an_interrupted_receiver_that_was_given_nothing_is_forgotten(interrupts: pytest.MonkeyPatch) -> None:
    stream: Stream[int] = Stream(2)
    interrupt_the_next(interrupts, lambda: None)
    with pytest.raises(KeyboardInterrupt):
        stream.receive()
    stream.send(1)
    assert rest(stream) == [1, EMPTY]


def test_an_interrupted_sender_has_sent_if_it_was_released_before(interrupts: pytest.MonkeyPatch) -> None:
    def ignored(_: Stream[int]) -> None:
        return None

    for meanwhile, left in ((ignored, [1, EMPTY]), (Stream.receive, [2, EMPTY])):
        stream: Stream[int] = Stream(1)
        stream.send(1)
        interrupt_the_next(interrupts, functools.partial(meanwhile, stream))
        with pytest.raises(KeyboardInterrupt):
            stream.send(2)
        assert rest(stream) == left


def test_an_interrupted_iteration_cancels(interrupts: pytest.MonkeyPatch) -> None:
    stream: Stream[int] = Stream()
    interrupt_the_next(interrupts, lambda: None)
    with pytest.raises(KeyboardInterrupt):
        next(iter(stream))
    assert stream.state is Phase.CANCELLED


def test_an_interrupted_sleep_is_forgotten(interrupts: pytest.MonkeyPatch) -> None:
    stream: Stream[int] = Stream()
    interrupt_the_next(interrupts, lambda: None)
    with pytest.raises(KeyboardInterrupt):
        stream.sleep(NEVER_S)
    assert len(stream._used().sleepers) == 0


# Listeners.


class _Logged:
    """A lock whose release is heard of."""

    def __init__(self, lock: Any, heard: list[object]) -> None:
        self._lock = lock
        self._heard = heard

    def release(self) -> None:
        self._heard.append("woken")
        self._lock.release()


def test_listeners_run_once_in_order_after_the_phase_and_before_parked_calls(start: Start) -> None:
    for end in (Stream.cancel, _fail):
        stream, senders, _ = watched(0)
        heard: list[object] = []
        call = start(stream.send, 1)
        until_parked(senders)
        senders[0].wake = _Logged(senders[0].wake, heard)
        stream.on_end(lambda stream=stream, heard=heard: heard.append(stream.state))  # type: ignore[misc]
        stream.on_end(lambda heard=heard: heard.append(2))  # type: ignore[misc]
        end(stream)
        stream.cancel()
        stream.on_end(lambda heard=heard: heard.append(3))  # type: ignore[misc]
        assert heard == [stream.state, 2, "woken", 3]
        assert stream.state in {Phase.CANCELLED, Phase.ERRORED}
        assert said(call) in {Code.CANCELLED, Code.INTERNAL}


def test_a_release_that_completes_its_stream_lets_listeners_go_first(start: Start) -> None:
    stream, senders, _ = watched(0)
    heard: list[object] = []
    call = start(stream.send, 1)
    until_parked(senders)
    senders[0].wake = _Logged(senders[0].wake, heard)
    stream.on_end(lambda: heard.append(stream.state))
    stream.complete()
    assert (stream.receive(), said(call), heard) == (1, None, [Phase.COMPLETED, "woken"])


def test_a_send_that_was_answered_as_its_time_ran_out_still_lets_listeners_go_first(
    interrupts: pytest.MonkeyPatch, start: Start
) -> None:
    stream: Stream[int] = Stream(0)
    heard: list[str] = []
    in_listener, may_go_on = threading.Event(), threading.Event()

    def listen() -> None:
        in_listener.set()
        may_go_on.wait(LONGEST_S)
        heard.append("listener")

    def answered_too_late() -> None:
        cancelling.append(start(stream.cancel))
        assert in_listener.wait(LONGEST_S)

    cancelling: list[Future[Any]] = []
    stream.on_end(listen)
    interrupt_the_next(interrupts, answered_too_late, time_is_up=True).before_next_wait.append(may_go_on.set)
    assert (said(lambda: stream.send(1, timeout_s=NEVER_S)), [*heard]) == (Code.CANCELLED, ["listener"])
    assert said(cancelling[0]) is True


def test_a_listener_that_raises_stops_no_other_and_reaches_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda seen: complaints.append(seen.exc_value))
    stream: Stream[int] = Stream()
    heard: list[int] = []

    def raises() -> None:
        raise LookupError

    stream.on_end(raises)
    stream.on_end(lambda: heard.append(1))
    stream.on_ready(raises)
    stream.complete()
    assert (heard, [type(complaint) for complaint in complaints]) == ([1], [LookupError, LookupError])


def test_an_interrupt_in_a_listener_keeps_nobody_asleep(start: Start) -> None:
    stream, senders, _ = watched(0)
    call = start(stream.send, 1)
    until_parked(senders)

    def interrupted() -> None:
        raise KeyboardInterrupt

    stream.on_end(interrupted)
    with pytest.raises(KeyboardInterrupt):
        stream.cancel()
    assert said(call) == Code.CANCELLED


def test_a_listener_may_call_its_stream() -> None:
    stream: Stream[int] = Stream()
    heard: list[object] = []
    stream.on_end(lambda: stream.on_end(lambda: heard.append(stream.poll())))
    stream.complete()
    assert heard == [END]


def test_a_drained_streams_listeners_run_with_its_last_item() -> None:
    for receive in (Stream.receive, Stream.poll, Stream.receive_batch, lambda stream: next(iter(stream))):
        stream: Stream[int] = Stream()
        heard: list[Phase] = []
        stream.on_end(lambda heard=heard, stream=stream: heard.append(stream.state))  # type: ignore[misc]
        stream.send(1)
        stream.complete()
        assert heard == []
        receive(stream)
        assert heard == [Phase.COMPLETED]


def test_on_ready_wakes_once_as_soon_as_a_poll_has_an_answer() -> None:
    woken: list[str] = []
    stream: Stream[int] = Stream()
    stream.on_ready(lambda: woken.append("first"))
    stream.on_ready(lambda: woken.append("second"))
    assert woken == []
    stream.send(1)
    stream.send(2)
    assert woken == ["first", "second"]
    stream.on_ready(lambda: woken.append("at once"))
    assert woken[2:] == ["at once"]
    stream.pause()
    stream.on_ready(lambda: woken.append("resumed"))
    assert woken[3:] == []
    stream.resume()
    assert woken[3:] == ["resumed"]
    stream.receive_batch()
    for end in (Stream.complete, Stream.cancel, _fail):
        ending: Stream[int] = Stream()
        ending.on_ready(lambda: woken.append("end"))
        end(ending)
    assert woken[4:] == ["end"] * 3


def test_on_ready_hears_of_a_sender_that_parks_at_a_rendezvous(start: Start) -> None:
    stream, _, _ = watched(0)
    ready = threading.Event()
    stream.on_ready(ready.set)
    call = start(stream.send, 1)
    assert ready.wait(LONGEST_S)
    assert (stream.poll(), said(call)) == (1, None)


# Times.


def test_a_deadline_is_a_cancel_to_the_producer_and_timed_out_to_the_consumer(
    monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    stream, senders, _ = watched(1, deadline_s=NEVER_S)
    stream.send(0)
    call = start(stream.send, 1)
    until_parked(senders)
    later_s = time.monotonic() + NEVER_S
    monkeypatch.setattr(time, "monotonic", lambda: later_s)
    assert thread_limits.look(stream._used()) is None
    assert said(call) == Code.CANCELLED
    assert (stream.state, stream.buffered_amount, stream.remaining_s) == (Phase.EXPIRED, 0, 0)
    assert [said(stream.receive), said(stream.poll)] == [Code.TIMED_OUT] * 2
    with pytest.raises(StreamError, match="CANCELLED: the stream's time is up"):
        stream.send(2)
    with pytest.raises(StreamError, match="CANCELLED: the stream's time is up"):
        stream.sleep(NEVER_S)
    stream.complete()
    assert stream.cancel() is None


def test_a_deadline_leaves_no_end_open() -> None:
    stream: Stream[int] = Stream(8, deadline_s=NEVER_S)
    for n in range(4):
        stream.send(n)
    assert stream.receive() == 0
    ended = threading.Event()
    stream.on_end(ended.set)
    guarded = stream._used()
    guarded.ends_at_s = 0
    assert thread_limits.look(guarded) is None
    assert [said(lambda: stream.send(5)), said(stream.receive)] == [Code.CANCELLED, Code.TIMED_OUT]
    assert stream.buffered_amount == 0
    assert ended.wait(LONGEST_S)


@pytest.mark.parametrize("limit", ["deadline_s", "idle_s"])
def test_a_stream_whose_time_is_up_expires_by_itself(limit: str) -> None:
    ended = threading.Event()
    stream: Stream[int] = Stream(**{limit: SOON_S})  # type: ignore[arg-type]
    stream.on_end(ended.set)
    assert ended.wait(LONGEST_S)
    assert (stream.state, said(stream.receive)) == (Phase.EXPIRED, Code.TIMED_OUT)


def test_a_deadline_of_zero_has_passed_at_once_and_starts_no_thread() -> None:
    before = set(threading.enumerate())
    for stream in (Stream[int](deadline_s=0), Stream[int](deadline_s=-1), Stream[int](idle_s=0)):
        assert stream.state is Phase.EXPIRED
    assert set(threading.enumerate()) <= before


def test_the_time_left_is_none_without_a_deadline() -> None:
    assert Stream[int]().remaining_s is None
    stream: Stream[int] = Stream(deadline_s=NEVER_S)
    assert NEVER_S - 60 < (stream.remaining_s or 0) <= NEVER_S
    stream.cancel()


def test_a_stream_that_accepts_nothing_for_its_idle_time_expires(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    stream, senders, _ = watched(2, idle_s=NEVER_S)
    guarded = stream._used()
    for _ in range(3):
        now_s[0] += NEVER_S - 1
        stream.send(1)
        assert (thread_limits.look(guarded), stream.state, stream.receive()) == (NEVER_S, Phase.OPEN, 1)
    stream.send_batch([1, 2])
    call = start(stream.send, 3)
    until_parked(senders)
    now_s[0] += NEVER_S - 1
    assert (stream.receive(), said(call)) == (1, None)  # which accepts what was parked
    now_s[0] += NEVER_S - 1
    assert (thread_limits.look(guarded), stream.state) == (1, Phase.OPEN)
    now_s[0] += 1
    assert (thread_limits.look(guarded), stream.state) == (None, Phase.EXPIRED)


def test_a_sleep_ends_with_its_time_or_its_stream(start: Start) -> None:
    stream, _, _ = watched()
    stream.sleep(SOON_S)
    stream.sleep(0)
    call = start(stream.sleep, NEVER_S)
    until_parked(stream._used().sleepers)
    assert len(stream._used().sleepers) == 1
    stream.complete()
    assert said(call) is None
    stream.sleep(NEVER_S)


# Iteration, handlers, sources.


def test_iteration_gives_all_items_or_raises_how_it_ended() -> None:
    stream: Stream[int] = Stream(300)
    stream.send_batch(range(300))
    stream.complete()
    assert list(stream) == list(range(300))
    assert list(stream) == []
    failing: Stream[int] = Stream()
    failing.send(1)
    failing.error(StreamError(Code.NOT_FOUND, "gone"))
    seen: list[int] = []
    with pytest.raises(StreamError, match="gone"):
        seen.extend(failing)
    assert seen == [1]


def test_leaving_an_iteration_early_cancels() -> None:
    def by_break(stream: Stream[int]) -> None:
        for _ in stream:
            break

    def by_an_exception(stream: Stream[int]) -> None:
        with contextlib.suppress(LookupError):
            for _ in stream:
                raise LookupError

    for leave in (by_break, by_an_exception):
        stream: Stream[int] = Stream()
        stream.send_batch([1, 2, 3])
        leave(stream)
        assert (stream.state, stream.buffered_amount) == (Phase.CANCELLED, 0)


def test_several_threads_may_iterate_over_one_stream(start: Start) -> None:
    stream: Stream[int] = Stream(4)
    calls = [start(list, stream) for _ in range(3)]
    stream.send_batch(range(200))
    stream.complete()
    parts = [call.result(LONGEST_S) for call in calls]
    assert sorted(item for part in parts for item in part) == list(range(200))
    assert all(part == sorted(part) for part in parts)


def test_handlers_and_sources_end_their_stream() -> None:
    closed: list[bool] = []

    def source() -> Iterator[int]:
        try:
            yield from (1, 2)
        finally:
            closed.append(True)

    fed: Stream[int] = Stream()
    fed.feed(source())
    assert (rest(fed), closed) == ([1, 2, END], [True])
    produced: Stream[int] = Stream()
    produced.produce(lambda stream: stream.send(1))
    assert rest(produced) == [1, Code.INTERNAL]


# What it is made of.


def test_without_a_gil_no_end_is_ever_opened(atomic: bool) -> None:  # noqa: FBT001 -- a fixture
    stream: Stream[int] = Stream(8)
    for n in (1, 2, 3):
        stream.send(n)
    assert (stream._ends.gate is not thread_ends.SHUT) is atomic
    assert [stream.receive(), stream.receive()] == [1, 2]
    assert list(stream._ends.outbox) == ([3] if atomic else [])


def test_only_cpython_with_its_gil_is_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.implementation.name == "cpython":
        monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
        assert thread_ends._is_atomic()
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert not thread_ends._is_atomic()
    monkeypatch.delattr(sys, "_is_gil_enabled")
    monkeypatch.setattr(sys.implementation, "name", "other")
    assert not thread_ends._is_atomic()


def test_every_call_that_is_not_fast_waits_for_the_lock(start: Start) -> None:
    calls: list[Callable[[Stream[int]], object]] = [
        lambda stream: stream.send(1, timeout_s=0),
        lambda stream: stream.send_batch([1]),
        lambda stream: stream.sleep(0),
        lambda stream: stream.on_end(stream.resume),
        lambda stream: stream.on_ready(stream.resume),
        lambda stream: stream.buffered_amount,
        lambda stream: stream.ready,
        Stream.receive_batch,
        Stream.receive,
        Stream.poll,
        Stream.pause,
        Stream.resume,
        Stream.complete,
        Stream.cancel,
        _fail,
    ]
    started = []
    with contextlib.ExitStack() as locks:
        for call in calls:
            stream: Stream[int] = Stream(2)
            stream.send_batch([0])
            guarded = stream._used()
            guarded.ends.close()
            guarded.ends_at_s = 0
            locks.enter_context(guarded.lock)
            started.append(start(call, stream))
        assert not wait(started, SOON_S).done
    assert not wait(started, LONGEST_S).not_done


def test_the_shared_ends_of_unused_streams_are_never_changed() -> None:
    for _ in range(3):
        stream: Stream[int] = Stream(1)
        stream.send(1)
        stream.receive()
    assert (len(thread_ends.SHUT), thread_ends.SHUT.maxlen) == (0, 0)
    assert (threads._UNUSED.gate, list(threads._UNUSED.shelf)) == (thread_ends.SHUT, [])
    assert list(threads._UNUSED.outbox) == []


def test_a_discarded_items_finaliser_may_call_its_stream() -> None:
    stream: Stream[object] = Stream()
    said_so: list[object] = []

    class Item:
        def __del__(self) -> None:
            said_so.append(stream.buffered_amount)

    stream.send(Item())
    stream.cancel()
    assert said_so == [0]


def test_a_cancel_in_the_middle_of_a_step_of_its_own_thread_comes_after_it() -> None:
    stream: Stream[int] = Stream()
    ended = threading.Event()
    stream.on_end(ended.set)
    stream.send(1)
    iterator = iter(stream)
    next(iterator)
    with stream._used().lock:
        del iterator  # as the garbage collector may
        phases = [stream.state]
    assert ended.wait(LONGEST_S)
    assert [*phases, stream.state] == [Phase.OPEN, Phase.CANCELLED]


def test_no_other_call_is_let_into_a_step_of_its_own_thread() -> None:
    stream: Stream[int] = Stream()
    calls: list[Callable[[], object]] = [stream.receive, stream.poll, stream.complete, stream.pause]
    calls += [lambda: stream.send(1), lambda: stream.send_batch([1]), lambda: stream.sleep(1)]
    calls += [lambda: stream.on_end(stream.pause), lambda: stream.buffered_amount]
    with stream._used().lock:
        for call in calls:
            with pytest.raises(RuntimeError, match="in the middle of another call"):
                call()


def test_an_idle_stream_owns_nothing() -> None:
    stream: Stream[int] = Stream(1024)
    assert (stream._guarded, stream.state, stream.ready, stream.buffered_amount) == (None, Phase.OPEN, False, 0)
    assert sys.getsizeof(stream) <= 200
