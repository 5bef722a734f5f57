"""One thread looks at whatever is due: in the order of its times, once, and at nothing that was stopped or is gone."""

from __future__ import annotations

import gc
import math
import os
import queue
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.stream import thread_ends
from streamspec.reference_impl.stream.timer import Agenda, Entry, Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LONGEST_S = 10.0
NEVER_S = 3600.0
NAME = "timer-of-a-test"


@dataclass(eq=False)
class Thing:
    """Has a time, which may move; and says when it was looked at after that."""

    due_s: float


@dataclass(eq=False)
class Desk:
    """An agenda whose clock and thread are the test's own."""

    now_s: float = 0.0
    looks: int = 0
    rung: int = 0
    seen: list[tuple[float, Thing]] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)  # the next to look at the clock does this

    def __post_init__(self) -> None:
        self.agenda: Agenda[Thing] = Agenda(self.look, self.clock, self.ring)

    def clock(self) -> float:
        if self.meanwhile:
            self.meanwhile.pop()()
        return self.now_s

    def ring(self) -> None:
        self.rung += 1

    def look(self, thing: Thing) -> float | None:
        self.looks += 1
        if thing.due_s > self.now_s:
            return thing.due_s - self.now_s
        self.seen.append((self.now_s, thing))
        return None

    def add(self, thing: Thing) -> Entry[Thing]:
        return self.agenda.add(thing, thing.due_s - self.now_s)

    def pass_to(self, now_s: float) -> float | None:
        self.now_s = now_s
        return self.agenda.turn()


# The agenda, without a thread.


TICKS = st.integers(min_value=0, max_value=40)
STORIES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), TICKS),
        st.tuples(st.just("stop"), TICKS),
        st.tuples(st.just("drop"), TICKS),
        st.tuples(st.just("move"), TICKS),
        st.tuples(st.just("pass"), st.integers(min_value=1, max_value=6)),
    ),
    max_size=80,
)


@given(STORIES)
def test_each_is_seen_once_when_its_time_has_come_and_in_that_order(story: list[tuple[str, int]]) -> None:
    desk = Desk()
    watched: list[tuple[Thing, Entry[Thing]]] = []
    moved: set[int] = set()  # is looked at too soon, and so perhaps before others
    for what, ticks in story:
        if what == "add":
            thing = Thing(desk.now_s + ticks)
            watched.append((thing, desk.add(thing)))
            del thing
        elif what == "pass":
            desk.seen.clear()
            left_s = desk.pass_to(desk.now_s + ticks)
            due = [pair for pair in watched if pair[0].due_s <= desk.now_s]
            watched = [pair for pair in watched if pair not in due]
            seen = [thing for _, thing in desk.seen]
            assert sorted(map(id, seen)) == sorted(id(thing) for thing, _ in due)
            in_time = [thing.due_s for thing in seen if id(thing) not in moved]
            assert in_time == sorted(in_time)
            nearest_s = min((thing.due_s for thing, _ in watched), default=math.inf)
            assert (math.inf if left_s is None else left_s) <= nearest_s - desk.now_s
            desk.seen.clear()
            del due, seen
        elif watched and what == "stop":
            watched.pop(ticks % len(watched))[1].stop()
        elif watched and what == "drop":
            del watched[ticks % len(watched)]
        elif watched:
            later = watched[ticks % len(watched)][0]
            later.due_s += ticks
            moved.add(id(later))
            del later
        assert len(desk.agenda) == len(watched)
    desk.pass_to(desk.now_s + 10_000)
    assert sorted(id(thing) for _, thing in desk.seen) == sorted(id(thing) for thing, _ in watched)
    assert (len(desk.agenda), desk.agenda.times()) == (0, 0)


def test_a_time_that_moves_costs_a_look_now_and_then_and_no_entry() -> None:
    desk = Desk()
    thing = Thing(10.0)
    desk.add(thing)
    for now_s in range(1, 101):
        thing.due_s = now_s + 10.0
        desk.pass_to(float(now_s))
        assert desk.agenda.times() == 1
    assert (desk.looks, desk.seen) == (10, [])


def test_what_is_stopped_leaves_nothing_behind_however_far_its_time() -> None:
    desk = Desk()
    kept = [Thing(NEVER_S) for _ in range(100)]
    for thing in kept:
        desk.add(thing)
    desk.agenda.turn()
    most = 0
    for _ in range(20_000):
        thing = Thing(NEVER_S)
        entry = desk.add(thing)
        entry.kept = thing
        entry.stop()
        gone = weakref.ref(thing)
        del thing
        assert gone() is None
        if desk.rung:
            desk.rung = 0
            desk.agenda.turn()
        most = max(most, desk.agenda.times())
    assert (len(desk.agenda), most < 400) == (100, True)


def test_what_nobody_has_any_more_is_gone_unless_it_is_kept() -> None:
    desk = Desk()
    kept, dropped = Thing(5.0), Thing(5.0)
    desk.add(kept).kept = kept
    desk.add(dropped)
    refs = weakref.ref(kept), weakref.ref(dropped)
    del kept, dropped
    gc.collect()
    assert (refs[0]() is not None, refs[1]() is None, len(desk.agenda)) == (True, True, 1)
    assert desk.pass_to(5.0) is None
    assert [thing for _, thing in desk.seen] == [refs[0]()]
    desk.seen.clear()
    gc.collect()
    assert refs[0]() is None


def test_one_whose_look_raises_is_complained_of_and_starves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda seen: complaints.append(seen.exc_value))
    desk = Desk()
    bad, good = Thing("never"), Thing(2.0)  # type: ignore[arg-type]
    desk.agenda.add(bad, 1.0)
    desk.add(good)
    desk.pass_to(3.0)
    assert [type(complaint) for complaint in complaints] == [TypeError]
    assert (desk.seen, len(desk.agenda)) == ([(3.0, good)], 0)


def test_whoever_is_due_before_the_next_turn_rings_and_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_ends, "ATOMIC", True)
    desk = Desk()
    things = [Thing(due_s) for due_s in (10.0, 20.0, 10.0, 5.0)]
    rung = []
    for thing in things:
        desk.add(thing)
        rung.append(desk.rung)
        desk.agenda.turn()
    assert rung == [0, 0, 0, 1]
    monkeypatch.setattr(thread_ends, "ATOMIC", False)
    desk.add(things[1])
    assert desk.rung == 2


def test_adding_and_stopping_may_come_in_the_middle_of_either() -> None:
    """As a finaliser or a signal handler does it: here, whenever the clock is looked at."""
    desk = Desk()
    outer, inner, innermost, stopped = Thing(4.0), Thing(3.0), Thing(2.0), Thing(1.0)
    entry = desk.add(stopped)
    desk.meanwhile = [entry.stop, lambda: desk.add(innermost), lambda: desk.add(inner)]
    desk.add(outer)
    assert (desk.meanwhile, len(desk.agenda)) == ([], 3)
    desk.meanwhile = [lambda: desk.add(stopped)]
    desk.pass_to(5.0)
    assert [thing for _, thing in desk.seen] == [stopped, innermost, inner, outer]


def test_what_is_added_at_the_end_of_a_turn_is_not_slept_over() -> None:
    desk = Desk()
    late, early = Thing(50.0), Thing(4.0)
    desk.add(late)
    assert desk.agenda.turn() == 50.0
    desk.meanwhile = [lambda: desk.add(early)]  # as the turn looks whether anything is due
    assert desk.agenda.turn() == 4.0


def test_an_agenda_goes_on_though_its_thread_was_lost_in_the_middle_of_a_turn() -> None:
    desk = Desk()
    things = [Thing(float(n)) for n in range(5)]
    for thing in things:
        desk.add(thing)
    desk.now_s = 10.0

    def lost(_thing: Thing) -> float | None:
        raise KeyboardInterrupt

    look, desk.agenda._look = desk.agenda._look, lost
    with pytest.raises(KeyboardInterrupt):
        desk.agenda.turn()
    desk.agenda._look = look
    desk.agenda.begin()
    assert desk.agenda.turn() is None
    assert [thing for _, thing in desk.seen] == things


def test_a_time_that_is_noted_twice_is_looked_at_once() -> None:
    """As one that was added while somebody began anew."""
    desk = Desk()
    thing = Thing(1.0)
    entry = desk.add(thing)
    desk.agenda._added.append((entry.at_s, entry.number))
    thing.due_s = 2.0
    assert desk.pass_to(1.0) == 1.0
    assert (desk.looks, desk.agenda.times()) == (1, 1)


# The thread.


class Seen:
    """A timer whose clock is moved by hand, and whom it looked at."""

    def __init__(self, linger_s: float = LONGEST_S) -> None:
        self.now_s = 0.0
        self.seen: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.timer: Timer[Thing] = Timer(self.look, lambda: self.now_s, NAME, linger_s)

    def look(self, thing: Thing) -> float | None:
        if thing.due_s > self.now_s:
            return thing.due_s - self.now_s
        self.seen.put(thing.due_s)
        return None

    def add(self, thing: Thing) -> Entry[Thing]:
        return self.timer.add(thing, thing.due_s - self.now_s)

    def pass_to(self, now_s: float) -> None:
        self.now_s = now_s
        self.timer.ring()

    def next(self) -> float:
        return self.seen.get(timeout=LONGEST_S)


def running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture
def seen() -> Iterator[Seen]:
    seen = Seen()
    yield seen
    seen.timer._linger_s = 0
    seen.timer._agenda._watched.clear()
    seen.timer.ring()
    for thread in running():
        thread.join(LONGEST_S)
    assert running() == []


def test_one_thread_sees_ten_thousand_in_order(seen: Seen) -> None:
    things = [Thing(float(1 + n * 7919 % 10_000)) for n in range(10_000)]
    for thing in things:
        seen.add(thing)
    assert len(running()) <= 2  # a second that found the place taken may be about to go
    for now_s in (2_500.0, 2_500.5, 10_000.0):
        seen.pass_to(now_s)
    assert [seen.next() for _ in things] == [float(n) for n in range(1, 10_001)]
    assert seen.seen.empty()


def test_the_thread_is_a_daemon_and_ends_when_there_is_nothing_to_watch_and_comes_again(seen: Seen) -> None:
    seen.timer._linger_s = 0
    for due_s in (1.0, 2.0, 3.0):
        thing = Thing(due_s)
        seen.add(thing)
        started = running()
        assert [thread.daemon for thread in started[:1]] == [True]
        seen.pass_to(due_s)
        assert seen.next() == due_s
        for thread in started:
            thread.join(LONGEST_S)
        assert running() == []


def test_what_comes_as_the_thread_is_leaving_has_a_thread_again(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.timer._linger_s = 0
    first, second = Thing(1.0), Thing(1.0)
    stay = Timer._stay

    def stay_and_be_late(timer: Timer[Thing]) -> None:
        stay(timer)
        monkeypatch.undo()
        seen.add(second)

    monkeypatch.setattr(Timer, "_stay", stay_and_be_late)
    seen.add(first)
    seen.pass_to(1.0)
    assert [seen.next(), seen.next()] == [1.0, 1.0]


def test_many_threads_add_and_stop_and_whatever_is_left_is_seen_once(seen: Seen) -> None:
    added: queue.SimpleQueue[tuple[int, list[tuple[Thing, Entry[Thing] | None]]]] = queue.SimpleQueue()

    def add(who: int) -> None:
        mine: list[tuple[Thing, Entry[Thing] | None]] = []
        for n in range(600):
            thing = Thing(1.0 + (who * 600 + n) / 10_000)
            entry = seen.add(thing)
            if n % 3:
                entry.stop()
            else:
                mine.append((thing, entry))
        added.put((who, mine))

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=add, args=(who,)) for who in range(6)]
        for thread in threads:
            thread.start()
        left = [pair for _ in threads for pair in added.get(timeout=LONGEST_S)[1]]
        for thread in threads:
            thread.join(LONGEST_S)
    finally:
        sys.setswitchinterval(interval_s)
    assert len(seen.timer._agenda) == len(left) == 1_200
    seen.pass_to(2.0)
    assert [seen.next() for _ in left] == sorted(thing.due_s for thing, _ in left)
    assert seen.seen.empty()


def test_where_no_thread_can_be_started_the_limit_is_refused_and_the_next_one_tries_again(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    thing = Thing(1.0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            seen.add(thing)
    assert len(seen.timer._agenda) == 0
    seen.add(thing)
    seen.pass_to(1.0)
    assert seen.next() == 1.0


def test_a_start_that_is_interrupted_stops_no_later_one(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    thing = Thing(1.0)

    def interrupted(thread: threading.Thread) -> None:
        if thread.name == NAME:
            raise KeyboardInterrupt
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            seen.add(thing)
    seen.add(Thing(2.0))
    seen.pass_to(1.0)
    assert seen.next() == 1.0


# Processes of their own.

BEGIN = """
import os, threading
from streamspec.reference_impl.stream.threads import Stream

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole lines, whoever else writes

def ends(name, stream):
    over = threading.Event()
    stream.on_end(over.set)
    say(name, over.wait(10), stream.state.name)

def limits():
    return sum(thread.name == "stream-limits" for thread in threading.enumerate())
"""
FORKS = """
before = Stream(deadline_s=0.2)
idle = Stream(idle_s=0.2)
child = os.fork()
name = "parent" if child else "child"
ends(name, before)
ends(name, idle)
ends(name, Stream(deadline_s=0.02))
say(name, "threads", limits())
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""
FORKS_WITH_NOTHING = """
Stream(deadline_s=3600.0).cancel()
child = os.fork()
if not child:
    say("child threads", limits())
    ends("child", Stream(deadline_s=0.02))
    os._exit(0)
os.waitpid(child, 0)
"""
EXITS = """
import atexit
kept = [Stream(deadline_s=0.001 * n) for n in range(1, 2000)]
kept[-1].on_end(lambda: None)
late = Stream(deadline_s=3600.0)
atexit.register(lambda: ends("exit", Stream(deadline_s=0.02)))
"""


def said(body: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    # From 3.12 on Python warns of any fork beside threads.
    command = [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", BEGIN + body]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=dict(environment))
    assert done.stderr == ""
    return sorted(done.stdout.splitlines())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_after_a_fork_both_processes_keep_their_limits() -> None:
    for_each = ["threads 1", "True EXPIRED", "True EXPIRED", "True EXPIRED"]
    assert said(FORKS) == sorted(f"{name} {line}" for name in ("parent", "child") for line in for_each)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_with_nothing_to_watch_has_no_thread_until_it_has() -> None:
    assert said(FORKS_WITH_NOTHING) == ["child True EXPIRED", "child threads 0"]


def test_a_process_ends_in_peace_with_limits_still_running() -> None:
    assert said(EXITS) == ["exit True EXPIRED"]


def test_importing_starts_nothing() -> None:
    assert said("say(threading.active_count())") == ["1"]
