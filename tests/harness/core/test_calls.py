"""Questions to the history of an object: spans, who waits, what was told."""

from __future__ import annotations

from streamspec.harness.core import calls
from streamspec.harness.core.event import Raised, Settled
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    failed,
    played,
    refused,
    send,
    sends,
    take,
    takes,
    told,
    waiting,
)

ONE = "object"


def test_a_call_is_a_span_from_its_beginning_to_its_end() -> None:
    h = played(waiting(0, 1), take(1, 0, 1), back(0), failed(2, "send", "CANCELLED"), begun(3, "receive", "consumer"))
    sent, taken, again, waits = calls.spans(h, ONE)
    assert (sent.called.index, sent.ended and sent.ended.index) == (0, 4)
    assert (sent.op, sent.by, sent.arg) == ("send", "producer", "producer:1")
    assert (sent.returned, sent.raised, sent.open, sent.value) == (True, None, False, "")
    assert taken.value == "producer:1"
    assert again.raised == Raised(2, "CANCELLED", "StreamError")
    assert not again.returned
    assert waits.open
    assert waits.records == (waits.called,)
    assert [span.op for span in calls.spans(h, ONE, "receive")] == ["receive", "receive"]


def test_a_call_is_parked_while_it_is_open() -> None:
    h = played(sends(0, 1, 2), waiting(2, 3), SETTLED, take(3, 0, 1), back(2), SETTLED)
    first, second = calls.settlings(h, ONE)
    assert [span.arg for span in calls.parked(h, ONE, first)] == ["producer:3"]
    assert calls.parked(h, ONE, second) == ()
    assert calls.spans(h, ONE)[2].ended_before(second)


def test_an_open_call_is_stuck_in_virtual_time_and_with_threads_when_it_is_late() -> None:
    span_of = calls.spans
    virtual = played(waiting(0, 1), SETTLED)
    assert calls.stuck(span_of(virtual, ONE)[0], calls.settlings(virtual, ONE)[0])
    slow = played(waiting(0, 1), Settled(exact=False), kind="threads")
    assert not calls.stuck(span_of(slow, ONE)[0], calls.settlings(slow, ONE)[0])
    late = played(waiting(0, 1), Settled(exact=False, late=("producer",)), kind="threads")
    assert calls.stuck(span_of(late, ONE)[0], calls.settlings(late, ONE)[0])
    gone = played(send(0, 1), Settled(exact=False, late=("producer",)), kind="threads")
    assert not calls.stuck(span_of(gone, ONE)[0], calls.settlings(gone, ONE)[0])


def test_what_was_sent_taken_and_told_is_counted() -> None:
    h = played(
        *(sends(0, 1, 3), failed(3, "send", "UNAVAILABLE"), takes(4, 0, 1, 2), end(6)),
        *(told(buffered_amount=1), told(state="OPEN"), told(buffered_amount=0, cleanup__a=1)),
        declared={"object.capacity": 16, "feature.cancel": True},
    )
    assert [span.arg for span in calls.sent(h, ONE)] == ["producer:1", "producer:2", "producer:3"]
    assert [r.event.seq for r in calls.items(h, ONE)] == [1, 2]  # type: ignore[union-attr]  # items
    assert [value for _, value in calls.told(h, ONE, "buffered_amount")] == [1, 0]
    assert [value for _, value in calls.told(h, ONE, "cleanup.a")] == [1]
    assert calls.has(h, "cancel")
    assert not calls.has(h, "pause")


def test_a_capacity_is_what_was_asked_for_else_what_is_declared() -> None:
    assert calls.capacity(played(options={"capacity": 0}, declared={"object.capacity": 16}), ONE) == 0
    assert calls.capacity(played(declared={"object.capacity": 16}), ONE) == 16
    assert calls.capacity(played(), ONE) is None
    assert calls.option(played(options={"capacity": "many"}), ONE, "capacity") is None


def test_a_call_whose_task_was_cancelled_is_told_from_a_cancelled_stream() -> None:
    h = played(
        *(begun(0, "receive", "consumer"), Raised(0, "", "CancelledError")),
        *(begun(1, "receive", "consumer"), refused(1, "CANCELLED")),
    )
    assert [calls.dropped(span) for span in calls.spans(h, ONE)] == [True, False]


def test_the_first_call_and_the_first_that_came_back_are_found() -> None:
    h = played(failed(0, "complete"), done(1, "complete"), done(2, "cancel", "consumer"))
    first, first_back = calls.first_call(h, ONE, "complete"), calls.first_done(h, ONE, "complete", "cancel")
    assert first is not None
    assert first_back is not None
    assert (first.called.index, first_back.called.index) == (0, 2)
    assert calls.first_call(h, ONE, "pause") is None
