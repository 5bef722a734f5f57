"""An offer is a send that waits without its thread: the same place in the line, the same bound, the same refusals."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.stream import thread_ends
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.thread_offers import offer
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S = 10.0


@pytest.fixture(params=[True, False], ids=["open", "locked"], autouse=True)
def atomic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_ends, "ATOMIC", request.param)


class Heard(list[object]):
    """What offers were answered with: None, or a code."""

    def __call__(self, refusal: StreamError | None) -> None:
        self.append(None if refusal is None else refusal.code)


def full(capacity: int = 2) -> tuple[Stream[int], Heard]:
    """A full stream with one more item on offer."""
    stream, heard = Stream[int](capacity), Heard()
    for n in range(capacity):
        assert offer(stream, n, heard)
    assert not offer(stream, capacity, heard)
    assert heard == []
    return stream, heard


def test_what_finds_room_is_sent_and_nobody_is_called() -> None:
    stream, heard = Stream[int](2), Heard()
    assert offer(stream, 1, heard)
    assert offer(stream, 2, heard)
    assert (stream.buffered_amount, heard) == (2, [])
    assert (stream.receive(), stream.receive()) == (1, 2)


@pytest.mark.parametrize("capacity", [0, 1, 2, 100])
def test_one_receive_makes_room_for_the_item_on_offer_and_says_so_once(capacity: int) -> None:
    stream, heard = full(capacity)
    assert stream.buffered_amount == capacity
    assert stream.receive() == 0
    assert heard == [None]
    assert [stream.poll() for _ in range(capacity + 1)] == [*range(1, capacity + 1), EMPTY]
    assert heard == [None]


def test_an_item_on_offer_keeps_its_place_before_later_sends() -> None:
    stream, heard = full(1)
    line = threading.Barrier(2)

    def send() -> None:
        line.wait(LONGEST_S)
        stream.send(2)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    line.wait(LONGEST_S)
    assert [stream.receive() for _ in range(3)] == [0, 1, 2]
    sender.join(LONGEST_S)
    assert heard == [None]


def test_completing_lets_the_item_on_offer_through() -> None:
    stream, heard = full()
    stream.complete()
    assert stream.state is Phase.DRAINING
    assert [stream.receive() for _ in range(4)] == [0, 1, 2, END]
    assert heard == [None]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda stream: stream.cancel(), Code.CANCELLED),
        (lambda stream: stream.error(StreamError(Code.NOT_FOUND, "gone")), Code.NOT_FOUND),
    ],
    ids=["cancel", "error"],
)
def test_an_ending_refuses_the_item_on_offer(end: Callable[[Stream[int]], object], code: Code) -> None:
    stream, heard = full()
    end(stream)
    assert heard == [code]
    with pytest.raises(StreamError):
        offer(stream, 9, heard)
    assert heard == [code]


def test_a_deadline_refuses_it_as_a_cancel() -> None:
    stream, refused = Stream[int](0, deadline_s=0.02), threading.Event()
    heard = Heard()

    def answered(refusal: StreamError | None) -> None:
        heard(refusal)
        refused.set()

    assert not offer(stream, 1, answered)
    assert refused.wait(LONGEST_S)
    assert (heard, stream.state) == ([Code.CANCELLED], Phase.EXPIRED)


def test_whoever_is_answered_may_offer_again_at_once() -> None:
    stream = Stream[int](1)
    numbers = iter(range(1, 50))

    def go_on(refusal: StreamError | None) -> None:
        assert refusal is None
        while (n := next(numbers, None)) is not None:
            if not offer(stream, n, go_on):
                return
        stream.complete()

    assert offer(stream, 0, go_on)
    go_on(None)
    assert list(stream) == list(range(50))


def test_one_that_raises_when_answered_keeps_nothing_from_the_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: complaints.append(args.exc_type))
    stream = Stream[int](1)

    def answered(_refusal: StreamError | None) -> None:
        raise LookupError

    assert offer(stream, 1, answered)
    assert not offer(stream, 2, answered)
    assert (stream.receive(), stream.receive()) == (1, 2)
    assert complaints == [LookupError]
