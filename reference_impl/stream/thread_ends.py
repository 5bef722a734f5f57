"""`Ends`: the two ends of a thread stream, which can be opened to threads that do not take the stream's lock.

A fast call is exactly one call of a C function, which either does the whole of it or raises and has done nothing:

* to send, `gate.insert(FAR, item)`. A gate is a deque whose `maxlen` is the room there was when it was opened, and
  `deque.insert`, unlike `append`, refuses when a bounded deque is full: a gate never lets in more than it may. An item
  is accepted at the moment of its insert.
* to receive, `next(outbox)`. An outbox is `map(deque.popleft, repeat(shelf, n))`: n tickets for the n oldest items. An
  item is received at the moment of the `next`.

Both are atomic because CPython switches threads between bytecodes, and only where there is a GIL. `ATOMIC` is the one
place that decides: without it, on a free-threaded build or another implementation, no end is ever opened, so that every
call takes the lock. Every method here belongs to the lock's holder, who may close both ends, and that makes every
interleaving with a fast call harmless:

* `collect` fills the gate for good and moves its items to the shelf's tail. Whoever inserts later, even one that had
  looked the gate up before, is refused and comes to the lock: a gate is used once, and nothing is ever taken out of
  it. So after `collect` everything accepted is on the shelf, in order, and nothing is added without the lock.
* `revoke` takes back the tickets that are left. Whoever asks later, even of an outbox looked up before, comes to the
  lock. There are never more tickets than items, only ticket holders and the lock's holder take from the shelf, and a
  ticket and its item are taken in one step: after `revoke` the shelf is still.

Never here: when an end may be open (that is the core's affair), a lock, or a wait.
"""

from __future__ import annotations

import sys
from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


def _is_atomic() -> bool:
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)  # 3.13 and later can say no
    return sys.implementation.name == "cpython" and bool(has_gil())


ATOMIC: Final = _is_atomic()
FAR: Final = sys.maxsize  # an index beyond every item: an insert there appends
SHUT: Final[deque[Any]] = deque(maxlen=0)  # the gate that refuses everybody, and nothing can change it

# A gate that must be closed before it is full is filled by hand, so one is wide only where gates have been found full.
_NARROW: Final = 16
_WIDE: Final = 256
_PAD: Final = object()


class Ends(Generic[T]):
    """What is accepted and not yet received: the shelf, then what is in the gate."""

    __slots__ = ("_tickets", "_width", "gate", "outbox", "shelf")

    def __init__(self) -> None:
        self.shelf: deque[T] = deque()
        self.gate: deque[T] = SHUT
        self.outbox: Iterator[T] = iter(())
        self._tickets: repeat[deque[T]] | None = None
        self._width = _NARROW

    def open(self, count: int, room: int) -> None:
        """Give tickets for so many of the oldest items, if none are out, and let so many senders into the shut gate."""
        if count > 0 and self._tickets is None:
            self._tickets = repeat(self.shelf, count)
            self.outbox = map(deque.popleft, self._tickets)
        if room > 0:
            # Half the time of `deque(maxlen=min(...))`, and each thread that is woken comes by here.
            self.gate = deque((), room if room < self._width else self._width)  # noqa: FURB136, RUF037

    def close(self) -> None:
        """Both ends: afterwards nothing is under way."""
        self.revoke()
        if self.gate is not SHUT:
            self.collect()

    def collect(self) -> None:
        gate: deque[Any] = self.gate
        if gate is SHUT:
            return
        if len(gate) == gate.maxlen:
            self.shelf.extend(gate)
            if self._width < _WIDE:
                self._width *= 2
        else:
            try:
                while True:  # somebody else may still be inserting, so this may end sooner than it seems
                    gate.insert(FAR, _PAD)
            except IndexError:
                self.shelf.extend([item for item in gate if item is not _PAD])
            self._width = _NARROW
        self.gate = SHUT

    def revoke(self) -> None:
        if self._tickets is not None:
            for _ in self._tickets:
                pass
            self._tickets = None
