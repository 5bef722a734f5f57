"""`Timer`: one thread, in which any number of things are looked at when their time has come.

* Adding and stopping take no lock and never wait, for either may happen in a finaliser or a signal handler, in the
  middle of another of its own thread. Each is a few steps of C that are atomic, on what `Agenda` says is shared.
* What is watched is held weakly: it lives as long as its users have it, or longer if its entry is told to keep it.
* A time that moves is not moved here: whoever is looked at too soon says how much longer, and is looked at again then.
* The thread starts with the first entry and ends by itself; after a fork the child has its own, if anything is watched.

Never here: what is watched, a call that may take long, or foreign code: each would delay all that comes after it.
"""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
import weakref
from _thread import allocate_lock
from collections import deque
from functools import partial
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from streamspec.reference_impl.stream import thread_ends

if TYPE_CHECKING:
    from collections.abc import Callable

W = TypeVar("W")

LINGER_S: Final = 1.0  # the thread waits so long for something to watch: to start one costs more than many entries
_MANY: Final = 64  # stopped entries whose numbers stay, for the thread is not woken for fewer


class Entry(Generic[W]):
    """What is watched, and when it is looked at next by the agenda's clock. One that has been stopped holds nothing."""

    __slots__ = ("_agenda", "at_s", "kept", "number", "watched")

    def __init__(self, agenda: Agenda[W], number: int, watched: W, at_s: float) -> None:
        self._agenda = agenda
        self.number = number
        self.at_s = at_s
        self.kept: W | None = None  # what must not be collected before its time
        self.watched = weakref.ref(watched, partial(agenda.drop, number))

    def stop(self) -> None:
        self.kept = None
        self._agenda.drop(self.number)


class Agenda(Generic[W]):
    """All that is watched, by its time. Shared are `_watched`, `_added` and `_next_at_s`; the rest is the thread's.

    `look` says in how many seconds to look again, more than 0, or None for no more; it never waits. `ring` has somebody
    take a turn. Whoever adds something first writes it down and then asks when the next turn is; the thread first says
    when, then reads what was added: so one of the two notices.
    """

    __slots__ = ("_added", "_clock", "_heap", "_look", "_next_at_s", "_numbers", "_ring", "_watched")

    def __init__(self, look: Callable[[W], float | None], clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self._look = look
        self._clock = clock
        self._ring = ring
        self._numbers = itertools.count()
        self._watched: dict[int, Entry[W]] = {}
        self._added: deque[tuple[float, int]] = deque()
        self._next_at_s = -math.inf  # while a turn is under way nobody need ring
        self._heap: list[tuple[float, int]] = []  # of times and numbers alone: it keeps nothing alive

    def __len__(self) -> int:
        return len(self._watched)

    def times(self) -> int:
        """How many times are noted, those of the stopped included."""
        return len(self._heap) + len(self._added)

    def add(self, watched: W, left_s: float) -> Entry[W]:
        number = next(self._numbers)
        entry = Entry(self, number, watched, self._clock() + left_s)
        self._watched[number] = entry
        self._added.append((entry.at_s, number))
        # Without a GIL a write and a read of two threads may pass each other.
        if entry.at_s < self._next_at_s or not thread_ends.ATOMIC:
            self._ring()
        return entry

    def drop(self, number: int, _collected: object = None) -> None:
        """It has been stopped, or it is gone. Its time stays, but there are never many of those."""
        self._watched.pop(number, None)
        if self._has_too_many():
            self._ring()

    # The thread's alone.

    def begin(self) -> None:
        """Anew: whoever had the agenda before may have left in the middle of a turn."""
        self._added.clear()  # first: what is added from here on may be there twice, and nothing is missed
        self._heap = [(entry.at_s, number) for number, entry in self._watched.copy().items()]
        heapify(self._heap)

    def turn(self) -> float | None:
        """Look at all that is due, the earliest first. In how many seconds something will be; None: nothing."""
        while True:
            self._next_at_s = -math.inf
            self._look_at_all()
            if self._has_too_many() or not self._watched:
                self._heap = [time for time in self._heap if self._entry(*time) is not None]
                heapify(self._heap)
            self._next_at_s = self._heap[0][0] if self._heap else math.inf
            if not self._added:
                return self._next_at_s - self._clock() if self._heap else None

    def _look_at_all(self) -> None:
        while True:
            while self._added:
                heappush(self._heap, self._added.popleft())
            if not self._heap or self._heap[0][0] > self._clock():
                return
            entry = self._entry(*heappop(self._heap))
            if entry is not None:
                self._look_at(entry)

    def _look_at(self, entry: Entry[W]) -> None:
        watched = entry.watched()
        if watched is None:
            return
        try:
            left_s = self._look(watched)
        except Exception:  # noqa: BLE001 -- one that raises must not starve the others
            left_s = None
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))
        if left_s is None:
            entry.stop()
        else:
            entry.at_s = self._clock() + left_s
            self._added.append((entry.at_s, entry.number))

    def _entry(self, at_s: float, number: int) -> Entry[W] | None:
        """Whose time it is; None if it has been stopped or has another time by now."""
        entry = self._watched.get(number)
        return entry if entry is not None and entry.at_s == at_s else None

    def _has_too_many(self) -> bool:
        return self.times() > 2 * len(self._watched) + _MANY


class Timer(Generic[W]):
    """An agenda's thread: a daemon, there only while something is watched and a little longer."""

    __slots__ = ("__weakref__", "_agenda", "_linger_s", "_name", "_pid", "_place", "_wake")

    def __init__(
        self, look: Callable[[W], float | None], clock: Callable[[], float], name: str, linger_s: float = LINGER_S
    ) -> None:
        self._agenda: Agenda[W] = Agenda(look, clock, self.ring)
        self._name = name
        self._linger_s = linger_s
        self._pid = 0  # of the process whose forks are heard of
        self._place = allocate_lock()  # whoever holds it is the thread
        self._wake = allocate_lock()  # released to wake the thread, once for any number of reasons
        self._wake.acquire()

    def add(self, watched: W, left_s: float) -> Entry[W]:
        """Look at it in so many seconds. Raises RuntimeError where no thread can be started."""
        entry = self._agenda.add(watched, left_s)
        try:
            self._start()
        except RuntimeError:
            entry.stop()
            raise
        return entry

    def ring(self) -> None:
        """Take a turn now, as the clock may have moved."""
        try:
            self._wake.release()
        except RuntimeError:
            return  # it has been rung already

    def _start(self) -> None:
        if self._place.locked():
            return
        if not self._pid and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_begin_in_child, weakref.ref(self)))
            self._pid = os.getpid()
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        # It takes its place itself: a start that is interrupted may or may not have started it.
        if not self._place.acquire(blocking=False):
            return
        try:
            self._stay()
        finally:
            self._place.release()
        if self._agenda:  # it came while the place was still taken
            self._start()

    def _stay(self) -> None:
        self._agenda.begin()
        while True:
            left_s = self._agenda.turn()
            wait_s = self._linger_s if left_s is None else min(max(left_s, 0.0), threading.TIMEOUT_MAX)
            if not self._wake.acquire(timeout=wait_s) and not self._agenda:
                return

    def begin_in_child(self) -> None:
        """A fork has left the thread behind, and whatever it held."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self._place = allocate_lock()
        self._wake = allocate_lock()
        self._wake.acquire()
        if self._agenda:
            self._start()


def _begin_in_child(timer: weakref.ref[Timer[W]]) -> None:
    left = timer()
    if left is not None:
        left.begin_in_child()
