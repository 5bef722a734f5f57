"""Where requests are, in any history of what may happen to them: bounds, order, one turn of a session at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.services.agent.line import Entry, Lengths, Line, Place
from streamspec.reference_impl.services.agent.tickets import Tickets

MOST_QUEUED = 3
MOST_BEGUN = 2


class Lined:
    """A line of numbered requests, with a clock that counts submissions."""

    def __init__(self, most_queued: int = MOST_QUEUED, most_begun: int = MOST_BEGUN) -> None:
        self.tickets = Tickets()
        self.line: Line[int] = Line(most_queued, most_begun, self.tickets)
        self.made = 0

    def wait(self, session: str = "") -> Entry[int]:
        self.made += 1
        entry = Entry(self.made, "stream")
        self.line.wait(entry, session)
        return entry

    def queue(self, session: str = "") -> Entry[int]:
        entry = self.wait(session)
        assert self.line.fill(self.made) == 1
        return entry

    def take(self) -> Entry[int]:
        entry = self.line.take()
        assert entry is not None
        return entry


def test_requests_begin_in_their_order_and_no_more_than_may() -> None:
    lined = Lined()
    first, second, third = (lined.queue() for _ in range(3))
    assert (lined.take(), lined.take(), lined.line.take()) == (first, second, None)
    lined.line.remove(first)
    assert lined.take() is third


def test_the_queue_is_full_at_its_bound_and_whoever_waits_goes_first() -> None:
    lined = Lined(most_queued=2)
    lined.queue()
    lined.queue()
    early, middle, late = (lined.wait() for _ in range(3))
    assert lined.line.fill(1.0) == 0
    lined.take()
    lined.line.remove(middle)
    assert lined.line.fill(2.0) == 1
    assert (early.place, late.place) == (Place.QUEUED, Place.WAITING)
    assert (early.queued_at_s, late.queued_at_s) == (2.0, None)
    lined.line.remove(early)
    assert lined.line.fill(3.0) == 1


def test_new_ones_and_those_that_go_on_take_turns() -> None:
    lined = Lined(most_begun=3)
    a, b, c = (lined.queue() for _ in range(3))
    lined.line.put_back(lined.take())
    taken = []
    for _ in range(5):
        taken.append(lined.take())
        lined.line.put_back(taken[-1])
    assert taken == [a, b, a, c, b]


def test_one_that_is_aside_is_taken_only_when_woken() -> None:
    lined = Lined()
    entry = lined.queue()
    lined.line.set_aside(lined.take())
    assert (entry.place, lined.line.take()) == (Place.ASIDE, None)
    assert lined.line.wake(entry)
    assert lined.take() is entry


def test_one_that_is_woken_before_it_is_aside_is_ready_at_once() -> None:
    lined = Lined()
    entry = lined.queue()
    lined.take()
    assert not lined.line.wake(entry)
    lined.line.set_aside(entry)
    assert lined.take() is entry
    lined.line.set_aside(entry)
    assert entry.place is Place.ASIDE  # it had been woken once


def test_of_a_session_one_at_a_time_and_nobody_else_waits_for_it() -> None:
    lined = Lined()
    first, second, other = lined.queue("s"), lined.queue("s"), lined.queue("t")
    assert (lined.take(), lined.take()) == (first, other)
    lined.line.remove(other)
    assert lined.line.take() is None
    lined.line.remove(first)
    assert lined.take() is second


def test_a_late_removal_of_an_old_ticket_leaves_the_newer_one() -> None:
    tickets = Tickets()
    old = tickets.add("s")
    tickets.remove(old)
    new = tickets.add("s")
    tickets.remove(old)
    assert tickets.of("s") == (new,)
    assert tickets.is_next(new)
    tickets.remove(new)
    assert tickets.of("s") == ()


def test_those_are_overdue_that_have_waited_for_so_long() -> None:
    lined = Lined()
    assert lined.line.until_overdue_s(0.0, 30.0) is None
    first, _ = lined.queue(), lined.queue()  # at 1 and at 2
    assert lined.line.until_overdue_s(10.0, 30.0) == 21.0
    assert lined.line.overdue(30.9, 30.0) == []
    assert lined.line.overdue(31.0, 30.0) == [first]
    lined.take()
    assert lined.line.overdue(31.0, 30.0) == []  # it has begun


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["wait", "fill", "take", "put_back", "set_aside", "wake", "remove"]),
        st.integers(0, 5),
        st.sampled_from(["", "s", "t"]),
    ),
    max_size=60,
)


def step(lined: Lined, entries: list[Entry[int]], begun: list[int], word: str, pick: int, session: str) -> None:
    """One step, if it may happen to the request that is picked."""
    line = lined.line
    if word == "wait":
        entries.append(lined.wait(session))
    elif word == "fill":
        line.fill(0.0)
    elif word == "take":
        if (taken := line.take()) is not None:
            begun += [taken.work] if taken.work not in begun else []
    elif entries:
        entry = entries[pick % len(entries)]
        if word in {"put_back", "set_aside"} and entry.place is Place.RUNNING:
            getattr(line, word)(entry)
        elif word == "wake" and entry.place in {Place.RUNNING, Place.ASIDE}:
            line.wake(entry)
        elif word == "remove" and entry.place is not Place.OVER:
            line.remove(entry)


@given(STEPS)
def test_whatever_happens_every_request_is_in_one_place_and_the_bounds_hold(steps: list[tuple[str, int, str]]) -> None:
    lined, entries, begun = Lined(), list[Entry[int]](), list[int]()
    for word, pick, session in steps:
        step(lined, entries, begun, word, pick, session)
        places = [entry.place for entry in entries]
        names = (Place.WAITING, Place.QUEUED, Place.RUNNING, Place.READY, Place.ASIDE)
        lengths = Lengths(*(places.count(place) for place in names))
        assert lined.line.lengths() == lengths
        assert lengths.queued <= MOST_QUEUED
        assert lengths.running + lengths.ready + lengths.aside <= MOST_BEGUN
        at_work = [entry.ticket.session for entry in entries if entry.place in names[2:] and entry.ticket.session]
        assert len(at_work) == len(set(at_work))
        assert {entry for entry in entries if entry.place is not Place.OVER} == set(lined.line.entries())
    for session in ("s", "t"):
        of_session = [entry.work for entry in entries if entry.ticket.session == session]
        assert [n for n in begun if n in of_session] == [n for n in of_session if n in begun]


@given(STEPS)
def test_in_the_end_nobody_is_left(steps: list[tuple[str, int, str]]) -> None:
    lined, entries, begun = Lined(), list[Entry[int]](), list[int]()
    for word, pick, session in steps:
        step(lined, entries, begun, word, pick, session)
    lined.line.fill(0.0)
    for entry in lined.line.entries():
        lined.line.remove(entry)
    assert lined.line.lengths() == Lengths(0, 0, 0, 0, 0)
    assert (lined.tickets._of, lined.line.take()) == ({}, None)
