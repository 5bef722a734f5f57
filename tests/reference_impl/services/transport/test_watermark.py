"""A bound in octets that one item may pass: what waits, in which order, and how it is told of an ending."""

from __future__ import annotations

import threading
import weakref
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thread_calls import started_calls

from streamspec.reference_impl.services.transport import watermark
from streamspec.reference_impl.services.transport.watermark import LEAST_WEIGHT_BYTES, WatermarkStream
from streamspec.reference_impl.stream import thread_ends
from streamspec.reference_impl.stream.dialect import OPENSEARCH_EARLY, OPENSEARCH_LATE, Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    Start = Callable[..., Future[Any]]
    UntilWaiting = Callable[[WatermarkStream[Any]], Callable[[], None]]

LONGEST_S = 10.0
SOON_S = 0.02
KIB = 1024


@pytest.fixture(params=[True, False], ids=["open", "locked"], autouse=True)
def atomic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a GIL, and as it is where there is none."""
    monkeypatch.setattr(thread_ends, "ATOMIC", request.param)
    monkeypatch.setattr(watermark, "ATOMIC", request.param)


class Item(NamedTuple):
    name: object
    weight: int = KIB


def made(
    watermark_bytes: int = 4 * KIB,
    dialect: Dialect = OPENSEARCH_LATE,
    send_timeout_s: float | None = None,
    deadline_s: float | None = None,
) -> WatermarkStream[Item]:
    return WatermarkStream(watermark_bytes, dialect, send_timeout_s, deadline_s)


def code_of(call: Callable[[], object]) -> Code:
    with pytest.raises(StreamError) as raised:
        call()
    return raised.value.code


def rest(stream: WatermarkStream[Item]) -> list[object]:
    """The names of all that can be received without waiting, and how it goes on."""
    got: list[object] = []
    while True:
        try:
            item = stream.poll()
        except StreamError as failure:
            return [*got, failure.code]
        if not isinstance(item, Item):
            return [*got, item]
        got.append(item.name)


def rest_waited(stream: WatermarkStream[Item]) -> tuple[list[object], object]:
    """The same of all that is still to come, and how it ends."""
    got: list[object] = []
    while True:
        try:
            item = stream.receive()
        except StreamError as failure:
            return got, failure.code
        if not isinstance(item, Item):
            return got, item
        got.append(item.name)


def send_though_it_times_out(stream: WatermarkStream[Item], item: Item) -> None:
    while True:
        try:
            return stream.send(item)
        except StreamError as refused:
            if refused.code is not Code.TIMED_OUT:
                raise


def test_an_item_is_accepted_below_the_watermark_and_one_may_pass_it(start: Start, until_waiting: UntilWaiting) -> None:
    stream = made()
    waiting = until_waiting(stream)
    stream.send(Item("first", KIB))
    stream.send(Item("large", 100 * KIB))
    late = start(stream.send, Item("late"))
    waiting()
    assert stream.held_bytes == 101 * KIB
    assert stream.sending == 1
    assert rest(stream) == ["first", "large", "late", EMPTY]
    assert late.result(LONGEST_S) is None
    assert stream.sending == 0


def test_one_item_above_the_watermark_ships_and_the_next_send_waits(start: Start, until_waiting: UntilWaiting) -> None:
    stream = made(1)
    waiting = until_waiting(stream)
    stream.send(Item("huge", 10 * KIB))
    late = start(stream.send, Item("late"))
    waiting()
    assert not late.done()
    assert rest(stream) == ["huge", "late", EMPTY]
    late.result(LONGEST_S)


def test_what_waits_goes_in_its_order_and_only_as_far_as_the_watermark(
    start: Start, until_waiting: UntilWaiting
) -> None:
    stream = made(2 * KIB)
    waiting = until_waiting(stream)
    stream.send(Item("full", 2 * KIB))
    late = []
    for name in ("a", "b", "c"):
        late.append(start(stream.send, Item(name, 2 * KIB)))
        waiting()
    assert stream.poll() == Item("full", 2 * KIB)
    late[0].result(LONGEST_S)
    assert [call.done() for call in late[1:]] == [False, False]
    assert stream.held_bytes == 2 * KIB
    assert rest(stream) == ["a", "b", "c", EMPTY]


def test_small_items_are_bounded_in_number_by_the_watermark_alone(start: Start) -> None:
    stream = made(100 * LEAST_WEIGHT_BYTES)

    def fill() -> None:
        stream.ahead(Item("ahead", 0))
        for n in range(100):
            stream.send(Item(n, LEAST_WEIGHT_BYTES))

    start(fill).result(LONGEST_S)
    assert code_of(lambda: stream.send(Item(100, LEAST_WEIGHT_BYTES), timeout_s=0)) is Code.TIMED_OUT


def test_who_is_still_on_his_way_to_the_gate_is_let_in_though_everything_has_been_received(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_at_gate = WatermarkStream._wait_at_gate
    under_way, may_go = threading.Semaphore(0), threading.Semaphore(0)

    def slowly(stream: WatermarkStream[Item], item: Item, timeout_s: float | None) -> None:
        under_way.release()
        assert may_go.acquire(timeout=LONGEST_S)
        wait_at_gate(stream, item, timeout_s)

    monkeypatch.setattr(WatermarkStream, "_wait_at_gate", slowly)
    stream = made(1)
    for n in range(3):
        stream.send(Item("first"))
        late = start(stream.send, Item(n))
        assert under_way.acquire(timeout=LONGEST_S)
        assert rest(stream) == ["first", EMPTY]
        may_go.release()
        late.result(LONGEST_S)
        assert rest(stream) == [n, EMPTY]


def test_a_watermark_is_at_least_one_octet() -> None:
    with pytest.raises(ValueError, match="1 octet or more"):
        made(0)


def test_a_send_that_times_out_ends_nothing_and_was_not_sent() -> None:
    stream = made(1, send_timeout_s=0.001)
    stream.send(Item("first"))
    assert code_of(lambda: stream.send(Item("lost"))) is Code.TIMED_OUT
    assert stream.is_open
    assert stream.sending == 0
    assert rest(stream) == ["first", EMPTY]
    stream.send(Item("second"))
    stream.complete()
    assert rest(stream) == ["second", END]


def test_a_completion_lets_what_waits_go_first(start: Start, until_waiting: UntilWaiting) -> None:
    stream = made(1)
    waiting = until_waiting(stream)
    stream.send(Item("first"))
    late = start(stream.send, Item("late"))
    waiting()
    stream.complete()
    assert code_of(lambda: stream.send(Item("after"))) is Code.UNAVAILABLE
    assert not late.done()
    assert rest(stream) == ["first", "late", END]
    late.result(LONGEST_S)
    assert stream.ended_as is Phase.COMPLETED


def test_a_completion_ends_the_stream_when_the_last_who_waited_has_given_up(
    start: Start, until_waiting: UntilWaiting
) -> None:
    stream = made(1)
    waiting = until_waiting(stream)
    stream.send(Item("first"))
    late = start(stream.send, Item("late"), 0.05)
    waiting()
    stream.complete()
    assert code_of(lambda: late.result(LONGEST_S)) in {Code.TIMED_OUT, Code.UNAVAILABLE}
    assert start(rest_waited, stream).result(LONGEST_S) == (["first"], END)
    assert stream.sending == 0


def test_of_many_failures_at_once_one_is_taken_and_that_is_the_one_that_is_told(start: Start) -> None:
    failures = [StreamError(Code.INTERNAL, str(n)) for n in range(8)]
    stream = made()
    together = threading.Barrier(len(failures))

    def fail(failure: StreamError) -> StreamError | None:
        together.wait(LONGEST_S)
        try:
            stream.error(failure)
        except StreamError:
            return None
        return failure

    calls = [start(fail, failure) for failure in failures]
    taken = [failure for call in calls if (failure := call.result(LONGEST_S)) is not None]
    assert taken == [stream.failure]
    with pytest.raises(StreamError) as told:
        stream.receive()
    assert told.value.message == taken[0].message


def test_a_failure_is_taken_as_chosen_though_another_call_brings_it_to_the_gate() -> None:
    stream = made()
    first, second = StreamError(Code.NOT_FOUND, "first"), StreamError(Code.INTERNAL, "second")
    ask_gate = stream._gate.error
    refusals: list[Code] = []

    class Gate:
        """Between the choice and the gate of the first call the second one comes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(gate, name)

        def error(self, failure: BaseException) -> None:
            stream._gate = gate
            refusals.append(code_of(lambda: stream.error(second)))
            ask_gate(failure)

    gate = stream._gate
    stream._gate = Gate()  # type: ignore[assignment]
    stream.error(first)
    assert refusals == [Code.UNAVAILABLE]
    assert stream.failure is first
    assert rest(stream) == [Code.NOT_FOUND]


def test_a_failure_that_was_refused_is_none() -> None:
    late, early, gone = made(), made(dialect=OPENSEARCH_EARLY), made()
    late.complete()
    early.complete()
    gone.cancel()
    assert code_of(lambda: late.error(StreamError(Code.INTERNAL, "no"))) is Code.UNAVAILABLE
    for stream in (early, gone):
        stream.error(StreamError(Code.INTERNAL, "no"))
    assert [late.failure, early.failure, gone.failure] == [None] * 3


def test_the_reason_is_that_of_the_cancel_that_ended_it() -> None:
    stream, over = made(), made()
    stream.cancel()
    stream.cancel("too late")
    assert stream.reason == ""
    over.complete()
    over.cancel("too late")
    assert over.reason == ""


def test_a_failure_refuses_what_waits_and_shows_behind_what_was_accepted(
    start: Start, until_waiting: UntilWaiting
) -> None:
    stream = made(1)
    waiting = until_waiting(stream)
    stream.send(Item("first"))
    late = start(stream.send, Item("late"))
    waiting()
    stream.error(StreamError(Code.NOT_FOUND, "gone"))
    assert code_of(lambda: late.result(LONGEST_S)) is Code.NOT_FOUND
    assert rest(stream) == ["first", Code.NOT_FOUND]
    assert rest(stream) == [Code.NOT_FOUND]


def test_a_cancel_wakes_everybody_who_waits_and_cleans_up_once_before_they_run_on(
    start: Start, until_waiting: UntilWaiting
) -> None:
    stream = made(1)
    waiting = until_waiting(stream)
    seen: list[object] = []
    woken = threading.Event()
    stream.on_end(lambda: seen.append(woken.wait(SOON_S)))
    stream.send(Item("first"))

    def send() -> Code:
        code = code_of(lambda: stream.send(Item("late")))
        woken.set()
        return code

    late = [start(send) for _ in range(4)]
    for _ in late:
        waiting()
    assert stream.cancel("enough") is True
    assert [call.result(LONGEST_S) for call in late] == [Code.CANCELLED] * 4
    assert seen == [False]
    assert stream.reason == "enough"


def test_after_a_cancel_each_send_is_cancelled_and_endings_are_no_ops() -> None:
    stream = made()
    stream.send(Item("dropped"))
    stream.cancel()
    stream.cancel("again")
    assert [code_of(lambda: stream.send(Item("late"))) for _ in range(3)] == [Code.CANCELLED] * 3
    stream.complete()
    stream.error(StreamError(Code.INTERNAL, "late"))
    assert rest(stream) == [Code.CANCELLED]


def test_a_deadline_is_a_cancel_to_producers_and_a_timeout_to_the_consumer(
    start: Start, until_waiting: UntilWaiting
) -> None:
    stream = made(1, deadline_s=0.05)
    waiting = until_waiting(stream)
    stream.send(Item("first"))
    late = start(stream.send, Item("late"))
    waiting()
    assert code_of(lambda: late.result(LONGEST_S)) is Code.CANCELLED
    assert stream.is_late
    assert rest(stream) == [Code.TIMED_OUT]


def test_an_ending_is_taken_once_as_its_dialect_has_it() -> None:
    late, early = made(), made(dialect=OPENSEARCH_EARLY)
    for stream in (late, early):
        stream.complete()
    assert code_of(late.complete) is Code.UNAVAILABLE
    assert code_of(lambda: late.error(StreamError(Code.INTERNAL, "no"))) is Code.UNAVAILABLE
    early.complete()
    early.error(StreamError(Code.INTERNAL, "no"))
    assert rest(late) == rest(early) == [END]


def test_a_listener_of_a_drained_stream_runs_with_the_last_item() -> None:
    stream = made()
    ended: list[Phase] = []
    stream.on_end(lambda: ended.append(stream.ended_as))
    stream.send(Item("last"))
    stream.complete()
    assert ended == []
    assert rest(stream) == ["last", END]
    stream.cancel()
    assert ended == [Phase.COMPLETED]


def test_a_listener_that_comes_late_is_called_at_once_and_one_that_raises_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    stream = made()
    seen: list[str] = []
    stream.on_end(lambda: seen.append(str(1 / 0)))
    stream.on_end(lambda: seen.append("early"))
    stream.cancel()
    stream.on_end(lambda: seen.append("late"))
    assert seen == ["early", "late"]
    assert len(complaints) == 1


def test_a_consumer_that_waits_is_woken_by_what_is_sent(start: Start) -> None:
    stream = made()
    got = start(stream.receive)
    stream.send(Item("now"))
    assert got.result(LONGEST_S) == Item("now")


def test_a_pause_ends_with_its_stream(start: Start) -> None:
    stream = made()
    pause = start(stream.sleep, 3600.0)
    stream.cancel()
    assert code_of(lambda: pause.result(LONGEST_S)) is Code.CANCELLED


def test_many_who_cancel_at_once_clean_up_once(start: Start) -> None:
    stream = made()
    together = threading.Barrier(8)
    cleanups: list[str] = []
    stream.on_end(lambda: cleanups.append("once"))

    def cancel() -> bool | None:
        together.wait(LONGEST_S)
        return stream.cancel()

    answers = [call.result(LONGEST_S) for call in [start(cancel) for _ in range(8)]]
    assert answers.count(True) == 1
    assert cleanups == ["once"]


def test_what_a_cancel_drops_is_kept_by_nobody() -> None:
    class Name:
        pass

    stream = made()
    name = Name()
    forgotten = weakref.ref(name)
    stream.send(Item(name))
    del name
    stream.cancel()
    assert forgotten() is None


def test_a_slow_consumer_gets_everything_and_its_producer_never_more_than_the_watermark_ahead(start: Start) -> None:
    stream = made(8 * KIB)
    ahead: list[int] = []

    def produce() -> None:
        for n in range(64):
            stream.send(Item(n))
            ahead.append(stream.held_bytes)
        stream.complete()

    producing = start(produce)
    assert [item.name for item in iter(stream.receive, END) if isinstance(item, Item)] == list(range(64))
    producing.result(LONGEST_S)
    assert max(ahead) <= 8 * KIB


def test_a_stream_that_is_over_keeps_nobody_alive() -> None:
    class Listener:
        def __call__(self) -> None:
            pass

    stream = made()
    listener = Listener()
    stream.on_end(listener)
    stream.complete()
    forgotten = weakref.ref(listener)
    del listener
    assert forgotten() is None


@settings(max_examples=40, deadline=None)
@given(
    producers=st.lists(st.lists(st.integers(LEAST_WEIGHT_BYTES, 3 * KIB), max_size=12), min_size=1, max_size=4),
    watermark_bytes=st.integers(1, 4 * KIB),
    pauses=st.lists(st.booleans(), max_size=8),
)
def test_each_producer_keeps_its_order_and_nobody_passes_the_watermark_by_more_than_one_item(
    producers: list[list[int]], watermark_bytes: int, pauses: list[bool]
) -> None:
    stream = made(watermark_bytes)
    left = threading.Semaphore(0)

    def produce(who: int, weights: list[int]) -> None:
        for n, weight in enumerate(weights):
            stream.send(Item((who, n), weight))
        left.release()

    threads = [threading.Thread(target=produce, args=pair, daemon=True) for pair in enumerate(producers)]
    for thread in threads:
        thread.start()
    most = watermark_bytes - 1 + max((max(weights, default=0) for weights in producers), default=0)
    got: list[tuple[int, int]] = []
    held = []
    for place in range(sum(map(len, producers))):
        if pauses and pauses[place % len(pauses)]:
            held.append(stream.held_bytes)
        item = stream.receive()
        assert isinstance(item, Item)
        got.append(item.name)  # type: ignore[arg-type]
    for thread in threads:
        assert left.acquire(timeout=LONGEST_S)
        thread.join(LONGEST_S)
    stream.complete()
    assert stream.receive() is END
    assert max(held, default=0) <= most
    assert stream.held_bytes == 0
    by_producer = {
        who: [n for _, n in own] for who, own in groupby(sorted(got, key=lambda pair: pair[0]), lambda pair: pair[0])
    }
    assert by_producer == {who: list(range(len(weights))) for who, weights in enumerate(producers) if weights}


@settings(max_examples=40, deadline=None)
@given(
    producers=st.lists(st.lists(st.integers(LEAST_WEIGHT_BYTES, 3 * KIB), max_size=12), min_size=1, max_size=4),
    watermark_bytes=st.integers(1, 4 * KIB),
    taken=st.integers(0, 24),
    ending=st.sampled_from(["cancel", "error", "complete"]),
    send_timeout_s=st.sampled_from([None, 0.001]),
)
def test_whenever_it_ends_nobody_is_left_waiting_and_what_was_sent_before_a_good_end_arrives(
    producers: list[list[int]], watermark_bytes: int, taken: int, ending: str, send_timeout_s: float | None
) -> None:
    stream = made(watermark_bytes, send_timeout_s=send_timeout_s)
    sent: list[object] = []
    refusals: list[Code] = []
    cleanups: list[str] = []
    stream.on_end(lambda: cleanups.append("once"))

    def produce(who: int, weights: list[int]) -> None:
        try:
            for n, weight in enumerate(weights):
                send_though_it_times_out(stream, Item((who, n), weight))
                sent.append((who, n))
        except StreamError as refused:
            refusals.append(refused.code)

    threads = [threading.Thread(target=produce, args=pair, daemon=True) for pair in enumerate(producers)]
    for thread in threads:
        thread.start()
    got: list[object] = []
    for _ in range(min(taken, sum(map(len, producers)))):
        item = stream.receive()
        assert isinstance(item, Item)
        got.append(item.name)
    end: dict[str, Callable[[], object]] = {"cancel": stream.cancel, "complete": stream.complete}
    end.get(ending, lambda: stream.error(StreamError(Code.INTERNAL, "over")))()
    with started_calls(LONGEST_S) as start:
        more, last = start(rest_waited, stream).result(LONGEST_S)
    got += more
    for thread in threads:
        thread.join(LONGEST_S)
    assert not any(thread.is_alive() for thread in threads)
    assert cleanups == ["once"]
    assert last == {"cancel": Code.CANCELLED, "error": Code.INTERNAL, "complete": END}[ending]
    if ending != "cancel":
        assert sorted(got, key=str) == sorted(sent, key=str)
    allowed = {"cancel": {Code.CANCELLED}, "error": {Code.INTERNAL, Code.UNAVAILABLE}, "complete": {Code.UNAVAILABLE}}
    assert set(refusals) <= allowed[ending]
