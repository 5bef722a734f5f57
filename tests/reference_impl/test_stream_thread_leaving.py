"""A consumer that leaves a stream without a word, because its end was dropped or its time is up, has left."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.stream import thread_ends
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.thread_leaving import DROPPED, consumers_end, expire
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S = 10.0


@pytest.fixture(params=[True, False], ids=["open", "locked"], autouse=True)
def atomic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_ends, "ATOMIC", request.param)


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(StreamError) as refused:
        call()
    return str(refused.value.code), refused.value.message


def test_a_consumers_end_is_the_same_stream() -> None:
    stream = Stream[int](3, deadline_s=LONGEST_S)
    end = consumers_end(stream)
    for n in range(3):
        stream.send(n)
    assert refusal(lambda: stream.send(3, timeout_s=0))[0] == "TIMED_OUT"
    assert (end.capacity, end.deadline_s, end.buffered_amount, stream.buffered_amount) == (3, LONGEST_S, 3, 3)
    assert (end.receive(), end.poll(), stream.receive()) == (0, 1, 2)
    stream.send(4)
    end.send(5)
    stream.complete()
    assert end.receive_batch() == [4, 5]
    assert (end.receive(), end.state, stream.state) == (END, Phase.COMPLETED, Phase.COMPLETED)


def test_a_consumers_end_that_is_dropped_cancels_whoever_waits() -> None:
    stream, refused = Stream[int](0), list[str]()
    end = consumers_end(stream)
    waits = threading.Event()

    def send() -> None:
        waits.set()
        refused.append(refusal(lambda: stream.send(1))[1])

    sender = threading.Thread(target=send)
    sender.start()
    assert waits.wait(LONGEST_S)
    del end
    sender.join(LONGEST_S)
    assert (stream.state, refused) == (Phase.CANCELLED, [DROPPED])


def test_a_consumers_end_in_a_circle_is_dropped_when_that_is_collected() -> None:
    stream = Stream[int](1)
    circle: list[object] = [consumers_end(stream)]
    circle.append(circle)
    del circle
    gc.collect()
    assert stream.state is Phase.CANCELLED


def test_whoever_still_has_the_producers_end_keeps_no_consumer() -> None:
    stream = Stream[int](1)
    end = consumers_end(stream)
    is_kept = weakref.ref(end)
    end.on_end(lambda: None)
    end.on_ready(lambda: None)
    del end
    assert is_kept() is None
    assert stream.state is Phase.CANCELLED


def test_a_consumer_that_stays_keeps_its_stream_open_whatever_producers_do() -> None:
    stream = Stream[int](2)
    end = consumers_end(stream)
    stream.send(1)
    del stream
    gc.collect()
    assert (end.state, end.receive()) == (Phase.OPEN, 1)
    end.complete()
    assert end.receive() is END


def test_an_iteration_has_its_stream_until_it_is_over() -> None:
    stream = Stream[int](3)
    for n in range(3):
        stream.send(n)
    items = iter(consumers_end(stream))
    gc.collect()
    assert next(items) == 0
    states = [stream.state]
    del items
    assert [*states, stream.state] == [Phase.OPEN, Phase.CANCELLED]


def test_what_has_ended_stays_as_it_ended_when_it_is_dropped() -> None:
    stream = Stream[int](3)
    end = consumers_end(stream)
    stream.complete()
    del end
    assert stream.state is Phase.COMPLETED
    assert refusal(stream.complete)[0] == "UNAVAILABLE"


def test_to_expire_is_what_a_deadline_does() -> None:
    stream, told = Stream[int](2), list[str]()
    stream.on_end(lambda: told.append("ended"))
    stream.send(1)
    expire(stream)
    assert (stream.state, told) == (Phase.EXPIRED, ["ended"])
    assert refusal(stream.receive)[0] == Code.TIMED_OUT
    assert refusal(lambda: stream.send(2))[0] == Code.CANCELLED
    expire(stream)
    assert told == ["ended"]


@pytest.mark.parametrize("ending", ["complete", "cancel"])
def test_what_has_ended_does_not_expire(ending: str) -> None:
    stream = Stream[int](2)
    getattr(stream, ending)()
    before = stream.state
    expire(stream)
    assert stream.state is before


def test_what_still_has_items_expires_though_it_was_completed() -> None:
    stream = Stream[int](2)
    stream.send(1)
    stream.complete()
    expire(stream)
    assert refusal(stream.receive)[0] == Code.TIMED_OUT
