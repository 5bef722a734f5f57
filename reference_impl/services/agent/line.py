"""`Line`: where every request of one kind is, from its submission to its end, and which of them a worker takes next.

    NEW -> WAITING -> QUEUED -> RUNNING <-> READY
                                   |  ASIDE ^
                                   v
                           OVER, from anywhere

Pure: it only moves entries. Never here: a lock, a thread, a clock, or what is done with a request.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from streamspec.reference_impl.services.agent.tickets import Ticket

if TYPE_CHECKING:
    from streamspec.reference_impl.services.agent.tickets import Tickets

W = TypeVar("W")
Kind = Literal["stream", "batch"]


class Place(enum.Enum):
    """Of one request."""

    NEW = enum.auto()  # in no line yet
    WAITING = enum.auto()  # for room in the queue, with its submitter's thread
    QUEUED = enum.auto()  # for its beginning
    RUNNING = enum.auto()  # a worker has it
    READY = enum.auto()  # begun, and waits for a worker
    ASIDE = enum.auto()  # begun, and waits for its consumer: no worker has it
    OVER = enum.auto()


class Entry(Generic[W]):
    """One request, and where it is."""

    __slots__ = ("kind", "place", "queued_at_s", "rung", "ticket", "work")

    def __init__(self, work: W, kind: Kind) -> None:
        self.work = work
        self.kind = kind  # whose line it is in
        self.ticket = Ticket("", 0)
        self.place = Place.NEW
        self.queued_at_s: float | None = None
        self.rung = False  # its consumer made room before its worker had set it aside


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many requests are where."""

    waiting: int
    queued: int
    running: int
    ready: int
    aside: int


class Line(Generic[W]):
    """At most `most_queued` are QUEUED, and at most `most_begun` are RUNNING, READY or ASIDE."""

    def __init__(self, most_queued: int, most_begun: int, tickets: Tickets) -> None:
        self._most_queued = most_queued
        self._most_begun = most_begun
        self._tickets = tickets
        self._waiting: deque[Entry[W]] = deque()
        self._queued: deque[Entry[W]] = deque()
        self._ready: deque[Entry[W]] = deque()
        self._begun: set[Entry[W]] = set()
        self._new_goes = True  # whether a queued one goes before a ready one

    # Getting in.

    def wait(self, entry: Entry[W], session: str) -> None:
        entry.ticket = self._tickets.add(session)
        entry.place = Place.WAITING
        self._waiting.append(entry)

    def fill(self, now_s: float) -> int:
        """Queue those that wait, in their order, as far as there is room; how many. To be called whenever there is."""
        count = min(len(self._waiting), self._most_queued - len(self._queued))
        for _ in range(count):
            entry = self._waiting.popleft()
            entry.place, entry.queued_at_s = Place.QUEUED, now_s
            self._queued.append(entry)
        return count

    # At work.

    def take(self) -> Entry[W] | None:
        """The next for a worker: new ones in their order, those that go on in theirs, and where both wait, by turns."""
        new = self._next_new() if len(self._begun) < self._most_begun else None
        if new is not None and (self._new_goes or not self._ready):
            self._new_goes = False
            self._queued.remove(new)
            self._begun.add(new)
            entry = new
        elif self._ready:
            self._new_goes = True
            entry = self._ready.popleft()
        else:
            return None
        entry.place = Place.RUNNING
        return entry

    def put_back(self, entry: Entry[W]) -> None:
        """It can go on, after the others."""
        entry.place = Place.READY
        self._ready.append(entry)

    def set_aside(self, entry: Entry[W]) -> None:
        """Until it is woken, which may have happened already."""
        if entry.rung:
            entry.rung = False
            self.put_back(entry)
        else:
            entry.place = Place.ASIDE

    def wake(self, entry: Entry[W]) -> bool:
        """Its consumer made room, or left. Whether it waits for a worker now."""
        if entry.place is not Place.ASIDE:
            entry.rung = True
            return False
        self.put_back(entry)
        return True

    # Getting out.

    def remove(self, entry: Entry[W]) -> None:
        """It is over, wherever it is, and its ticket with it."""
        match entry.place:
            case Place.WAITING:
                self._waiting.remove(entry)
            case Place.QUEUED:
                self._queued.remove(entry)
            case Place.READY:
                self._ready.remove(entry)
        self._begun.discard(entry)
        entry.place = Place.OVER
        self._tickets.remove(entry.ticket)

    def overdue(self, now_s: float, timeout_s: float) -> list[Entry[W]]:
        """Those that have been queued for so long."""
        return [entry for entry in self._queued if _until_s(entry, now_s, timeout_s) <= 0]

    # Looking.

    def until_overdue_s(self, now_s: float, timeout_s: float) -> float | None:
        """Until the next one is; None if none is queued."""
        return _until_s(self._queued[0], now_s, timeout_s) if self._queued else None

    def entries(self) -> list[Entry[W]]:
        return [*self._waiting, *self._queued, *self._begun]

    def lengths(self) -> Lengths:
        places = [entry.place for entry in self._begun]
        begun = (places.count(place) for place in (Place.RUNNING, Place.READY, Place.ASIDE))
        return Lengths(len(self._waiting), len(self._queued), *begun)

    def _next_new(self) -> Entry[W] | None:
        return next((entry for entry in self._queued if self._tickets.is_next(entry.ticket)), None)


def _until_s(entry: Entry[W], now_s: float, timeout_s: float) -> float:
    assert entry.queued_at_s is not None, "it is queued"
    return entry.queued_at_s + timeout_s - now_s
