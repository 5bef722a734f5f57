"""The holder by itself: who is told what and when, what can be replaced, and calls out of listeners."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.holder import GOOD, Holder, Parts, Ticket
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.table import Call, Phase, State

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable


class _Signal:
    def __init__(self, tell: Callable[[], object] = lambda: None) -> None:
        self.tell = tell
        self.set_times = 0
        self.left = False

    def set(self) -> None:
        self.set_times += 1
        self.tell()

    def gone(self) -> bool:
        return self.left


def _holder(capacity: int, parts: Parts = GOOD, complaints: list[Exception] | None = None) -> Holder[int]:
    seen: list[Exception] = [] if complaints is None else complaints
    clock = iter(range(1000))
    return Holder(
        capacity,
        DEFAULT,
        parts,
        lock=contextlib.nullcontext(),
        clock=lambda: float(next(clock)),
        complain=seen.append,
        when_ended=lambda: None,
    )


def _sent(holder: Holder[int], *items: int) -> list[Ticket[int]]:
    tickets: list[Ticket[int]] = [Ticket(item, _Signal()) for item in items]
    for ticket in tickets:
        holder.send(ticket)
    return tickets


def _asked(holder: Holder[int], times: int = 1) -> list[Ticket[int]]:
    tickets: list[Ticket[int]] = [Ticket(signal=_Signal()) for _ in range(times)]
    for ticket in tickets:
        holder.receive(ticket)
    return tickets


def _code(call: Callable[[], object]) -> Code:
    with pytest.raises(StreamError) as caught:
        call()
    return caught.value.code


def test_parked_calls_are_served_in_the_order_in_which_they_came() -> None:
    holder = _holder(1)
    receivers = _asked(holder, 2)
    _sent(holder, 1, 2)
    assert [ticket.answer() for ticket in receivers] == [1, 2]
    senders = _sent(holder, 3, 4, 5)
    assert [ticket.parked for ticket in senders] == [False, True, True]
    assert holder.poll() == 3
    assert [ticket.parked for ticket in senders] == [False, False, True]


def test_a_parked_call_in_the_middle_can_be_left() -> None:
    holder = _holder(1)
    senders = _sent(holder, 1, 2, 3, 4)
    holder.abandon(senders[2])
    assert holder.rest() == [1, 2, 4]
    receivers = _asked(holder, 3)
    holder.abandon(receivers[1])
    _sent(holder, 5, 6)
    assert [receivers[0].answer(), receivers[2].answer()] == [5, 6]


def test_leaving_twice_or_after_the_answer_changes_nothing() -> None:
    holder = _holder(1)
    first, parked = _sent(holder, 1, 2)
    for ticket in (first, parked, parked):
        holder.abandon(ticket)
    assert holder.state == State(capacity=1, buffered=1)


def test_nothing_happens_in_the_name_of_a_task_that_is_gone() -> None:
    holder = _holder(1)
    _, doomed, patient = _sent(holder, 1, 2, 3)
    assert isinstance(doomed.signal, _Signal)
    doomed.signal.left = True
    assert holder.poll() == 1
    assert not patient.parked
    assert holder.rest() == [3]
    gone, waiting = _asked(holder, 2)
    assert isinstance(gone.signal, _Signal)
    gone.signal.left = True
    _sent(holder, 4)
    assert waiting.answer() == 4


def test_what_several_receivers_give_back_lies_in_its_old_order() -> None:
    holder = _holder(2)
    receivers = _asked(holder, 3)
    _sent(holder, 1, 2, 3, 4)
    for leaving in (receivers[1], receivers[0], receivers[2]):
        holder.abandon(leaving)
    assert holder.state.buffered == 4
    assert holder.rest() == [1, 2, 3, 4]


def test_an_item_given_back_goes_to_the_receiver_that_waits() -> None:
    holder = _holder(0)
    leaving, staying = _asked(holder, 2)
    _sent(holder, 1)
    holder.abandon(leaving)
    assert staying.answer() == 1


def test_a_send_released_at_the_last_moment_has_not_timed_out() -> None:
    holder = _holder(1)
    _, early, late = _sent(holder, 1, 2, 3)
    holder.poll()
    for ticket in (early, late):
        holder.time_out(ticket, 0.5)
    early.check()
    with pytest.raises(StreamError, match=r"TIMED_OUT: .* 0\.5 s"):
        late.check()
    assert holder.state == State(capacity=1, buffered=1)


def test_each_refusal_is_an_exception_of_its_own() -> None:
    holder = _holder(1)
    receivers = _asked(holder, 2)
    failure = StreamError(Code.NOT_FOUND, "gone")
    holder.error(failure)
    raised = [ticket.refusal for ticket in (*receivers, *_asked(holder, 2))]
    assert {str(refusal) for refusal in raised} == {"NOT_FOUND: gone"}
    assert len({id(refusal) for refusal in (*raised, failure)}) == 5


def test_the_first_reason_of_a_cancel_stays() -> None:
    holder = _holder(1)
    assert [holder.cancel("enough"), holder.cancel("more than enough")] == [True, None]
    with pytest.raises(StreamError, match=r"CANCELLED: enough$"):
        holder.poll()


def test_listeners_run_before_parked_calls_and_see_the_stream_ended() -> None:
    story: list[object] = []
    holder = _holder(1)
    holder.on_ready(lambda: story.append("woken"))
    holder.receive(Ticket(signal=_Signal(lambda: story.append("receiver"))))
    holder.on_end(lambda: story.append(holder.state.phase))
    holder.on_end(lambda: story.append("second"))
    holder.cancel("")
    assert story == [Phase.CANCELLED, "second", "receiver", "woken"]
    holder.on_end(lambda: story.append("late"))
    holder.cancel("")
    assert story[4:] == ["late"]


def test_a_listener_may_call_the_stream_and_raise() -> None:
    complaints: list[Exception] = []
    found: list[object] = []
    holder = _holder(1, complaints=complaints)
    _sent(holder, 1)

    def raises() -> None:
        holder.cancel("again")
        found.append(_code(holder.poll))
        holder.on_end(lambda: found.append("inner"))
        raise ValueError("a bad listener")

    holder.on_end(raises)
    holder.on_end(lambda: found.append("next"))
    (waiting,) = _sent(holder, 2)
    holder.cancel("")
    assert found == [Code.CANCELLED, "inner", "next"]
    assert [str(complaint) for complaint in complaints] == ["a bad listener"]
    assert waiting.signal is not None
    assert _code(waiting.check) is Code.CANCELLED


def test_whoever_asks_to_be_woken_is_woken_once_and_may_poll_there() -> None:
    holder = _holder(2)
    polled: list[object] = []
    holder.on_ready(lambda: polled.append(holder.poll()))
    assert polled == []
    _sent(holder, 1, 2)
    assert polled == [1]
    holder.on_ready(lambda: polled.append(holder.poll()))
    assert polled == [1, 2]
    holder.on_ready(lambda: polled.append("the end"))
    holder.complete()
    assert polled == [1, 2, "the end"]


def test_a_pause_keeps_who_asked_to_be_woken_asleep() -> None:
    holder = _holder(2)
    woken: list[str] = []
    holder.pause()
    holder.on_ready(lambda: woken.append("woken"))
    _sent(holder, 1)
    assert (woken, holder.poll()) == ([], EMPTY)
    holder.resume()
    assert (woken, holder.poll()) == (["woken"], 1)


def test_a_wake_that_raises_is_complained_of_and_stops_nobody() -> None:
    complaints: list[Exception] = []
    woken: list[str] = []
    holder = _holder(1, complaints=complaints)

    def raises() -> None:
        raise ValueError("a bad wake")

    holder.on_ready(raises)
    holder.on_ready(lambda: woken.append("next"))
    _sent(holder, 1)
    assert (woken, len(complaints)) == (["next"], 1)


def test_the_rest_is_everything_that_can_be_had_and_leaves_the_ending_untold() -> None:
    dialect = Dialect(receive_after_end="refuse")
    holder: Holder[int] = Holder(
        1,
        dialect,
        GOOD,
        lock=contextlib.nullcontext(),
        clock=lambda: 0.0,
        complain=lambda raised: None,
        when_ended=lambda: None,
    )
    _sent(holder, 1, 2, 3)
    holder.complete()
    assert holder.rest() == [1, 2, 3]
    assert holder.rest() == []
    assert holder.poll() is END
    assert _code(holder.poll) is Code.UNAVAILABLE


def test_the_time_of_the_latest_acceptance_is_known() -> None:
    holder = _holder(1)
    times = [holder.accepted_at_s]
    for step in (lambda: _sent(holder, 1), lambda: _sent(holder, 2), holder.poll, holder.complete):
        step()
        times.append(holder.accepted_at_s)
    # The second send is parked, and accepted when it is released.
    assert times == [0.0, 1.0, 1.0, 2.0, 2.0]


def _last(waiting: deque[Any]) -> Any:
    return waiting.pop()


def test_a_broken_part_decides_which_item_is_received_next() -> None:
    holder = _holder(3, Parts(take=_last))
    _sent(holder, 1, 2, 3)
    assert holder.rest() == [3, 2, 1]


def test_a_broken_part_decides_which_sender_goes_first() -> None:
    holder = _holder(1, Parts(release=_last))
    _sent(holder, 1, 2, 3, 4)
    assert holder.rest() == [1, 4, 3, 2]


def test_a_broken_part_decides_how_listeners_are_run() -> None:
    ran: list[str] = []
    holder = _holder(1, Parts(clean=lambda listeners, complain: [*listeners][-1]()))
    holder.on_end(lambda: ran.append("first"))
    holder.on_end(lambda: ran.append("last"))
    holder.cancel("")
    assert ran == ["last"]


def test_a_broken_part_decides_what_a_call_does() -> None:
    def forgets(state: State, call: Call, dialect: Dialect) -> table.Step:
        return table.step(state, call, replace(dialect, buffered_after_error="discard"))

    holder = _holder(1, Parts(step=forgets))
    _sent(holder, 1)
    holder.error(ValueError())
    assert _code(holder.poll) is Code.INTERNAL


def test_a_send_that_a_broken_part_neither_accepts_nor_parks_goes_on() -> None:
    holder = _holder(1, Parts(step=lambda state, call, dialect: (state, ())))
    (lost,) = _sent(holder, 1)
    assert not lost.waits
    lost.check()


def test_good_parts_are_equal_however_they_are_made() -> None:
    assert Parts() == GOOD
    assert Parts(take=_last) != GOOD
