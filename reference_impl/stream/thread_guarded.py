"""`Guarded`: what a thread stream's lock guards, and every step of the lock's holder, by the table's rules.

A holder first closes the ends that it must (thread_ends.py) and so sees a stream at which nothing is under way. Last,
in `finish`, it opens them again: that is where it is decided who may go on without the lock.

* Senders, while the stream is open, no sender is parked (a later one would overtake it), no receiver or `on_ready`
  waits (it must hear of the item), and no idle time runs (each item must be dated).
* Receivers, while no sender is parked (each receive must release one) and the stream is not paused. A draining stream
  keeps its last item for the lock, because receiving that completes it.
* So nobody parks beside an item or beside room, no END shows while an accepted item is still to come, and a parked call
  is answered or given up by one thread, the lock's holder: `waits` says that neither has happened.

A step that raises refuses, and has changed nothing; it need not `finish`, for a shut end is always right.

Never here: taking the lock, waiting, or foreign code. What a step wants told, run or dropped is `News`, for later.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from streamspec.reference_impl.stream import errors, thread_ends
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END, Empty, End
from streamspec.reference_impl.stream.table import ENDED, GIVEN_UP, Phase
from streamspec.reference_impl.stream.thread_parked import run_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamspec.reference_impl.stream.thread_ends import Ends
    from streamspec.reference_impl.stream.thread_parked import News, Parked
    from streamspec.reference_impl.stream.timer import Entry

T = TypeVar("T")

# Before Python 3.12 an enum's member costs more to look up than all else that a short step does.
_OPEN: Final = Phase.OPEN
_DRAINING: Final = Phase.DRAINING


@dataclass(frozen=True, slots=True)
class Options:
    """What a stream may be given beside its capacity."""

    dialect: Dialect = DEFAULT
    send_timeout_s: float | None = None
    deadline_s: float | None = None
    idle_s: float | None = None
    priority: int = 0


class Guarded(Generic[T]):
    """Made with the first call that needs it: a stream that nobody has used yet has none, and no lock either."""

    __slots__ = (
        "__weakref__", "_accepted_at_s", "_capacity", "_dialect", "_dropped", "_end_told", "_failure", "_fast",
        "_given", "_idle_s", "_news", "_paused", "_reason", "_returned", "_usual", "ends", "ends_at_s", "is_entered",
        "limit", "listeners", "lock", "phase", "receivers", "senders", "sleepers", "watchers",
    )  # fmt: skip

    def __init__(self, capacity: int, options: Options, ends: Ends[T]) -> None:
        self.lock = lock = threading.RLock()
        self.is_entered: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined]  # noqa: SLF001 -- as Condition does
        self.ends = ends
        self.phase = _OPEN
        self.senders: deque[Parked[T]] = deque()
        self.receivers: deque[Parked[T]] = deque()
        self.sleepers: deque[Parked[T]] = deque()
        self.listeners: list[Callable[[], None]] = []
        self.watchers: list[Callable[[], None]] = []
        self.limit: Entry[Guarded[T]] | None = None  # of a stream that is watched, until its end
        self._capacity = capacity
        self._dialect = options.dialect
        self._idle_s = options.idle_s
        self._fast = thread_ends.ATOMIC and options.idle_s is None
        self._usual = False  # open, not paused, nothing returned, no watcher, no idle time: the short ways will do
        self._accepted_at_s = now_s = time.monotonic()
        self.ends_at_s = None if options.deadline_s is None else now_s + options.deadline_s
        self._paused = False
        self._end_told = False
        self._failure: StreamError | None = None
        self._reason = ""
        self._returned: list[tuple[int, T]] = []  # given to receivers that left without them; all older than the shelf
        self._given = 0
        self._news: list[Callable[[], object]] = []
        self._dropped: list[object] = []

    def begin(self) -> None:
        """The first step of a rare call, which may do anything. Others close only what they must."""
        self._usual = False
        self.ends.close()

    def finish(self) -> News:
        """The last step under the lock: open what may be open. What is to be told when the lock is free."""
        if not self._usual:
            self._finish_unusual()
        elif self._fast and not self.senders:
            held = len(self.ends.shelf)
            self.ends.open(held, 0 if self.receivers else self._capacity - held)
        if not self._news:
            return ()
        news, self._news = self._news, []
        return news

    # What there is.

    def buffered(self) -> int:
        return len(self.ends.shelf) + len(self._returned)

    def may_give(self) -> bool:
        return not self._paused and bool(self.ends.shelf or self.senders or self._returned)

    def is_ready(self) -> bool:
        return not self._paused if self._has_items() else self.phase is not _OPEN

    def left_s(self) -> float:
        """Until the nearer of deadline and idle time; one of the two there is."""
        idle_at_s = None if self._idle_s is None else self._accepted_at_s + self._idle_s
        return min(at_s for at_s in (self.ends_at_s, idle_at_s) if at_s is not None) - time.monotonic()

    # Items move.

    def accept(self, item: T) -> bool:
        """Hand the item to the longest parked receiver, or to the shelf; False if neither can be. May refuse it."""
        if not self._usual:
            return self._accept_unusual(item)
        shelf = self.ends.shelf
        if self.receivers:
            self._serve(item)
            return True
        if len(shelf) >= self._capacity:
            # A receive may just have made room. Nobody may park before it is certain that none will.
            self.ends.revoke()
            if len(shelf) >= self._capacity:
                return False
        shelf.append(item)
        return True

    def accept_some(self, items: Sequence[T], start: int) -> int:
        """As many `accept` as find a receiver or room; how many. One beyond that would park."""
        count = 0
        while start + count < len(items) and self.accept(items[start + count]):
            count += 1
            if not self.receivers or self._paused:
                some = items[start + count : start + count + self._room()]
                self.ends.shelf.extend(some)
                return count + len(some)
        return count

    def give(self) -> T:
        """The oldest item. The longest parked sender is released by it, and a draining stream may be completed."""
        shelf = self.ends.shelf
        if self._usual and shelf:
            item = shelf.popleft()
            if self.senders:
                self._release()
            return item
        if not shelf and not self._returned:  # a rendezvous
            self._release()
        item = self._returned.pop(0)[1] if self._returned else shelf.popleft()
        if self.senders and len(shelf) + len(self._returned) < self._capacity:
            self._release()
        if self.phase is _DRAINING and not self._has_items():
            self._end(Phase.COMPLETED)
        return item

    def poll(self) -> T | End | Empty:
        if self.may_give():
            return self.give()
        return self.ending() if self.is_ready() else EMPTY

    def give_all(self) -> list[T]:
        """As many `give` as there are items; the parked senders that they release bring more."""
        while self.senders:
            self._release()
        items = [item for _, item in self._returned]
        items += self.ends.shelf
        self._returned.clear()
        self.ends.shelf.clear()
        if self.phase is _DRAINING:
            self._end(Phase.COMPLETED)
        return items

    def settle(self) -> None:
        """Go on to where nothing more can move. Both ends are shut."""
        while True:
            takers = self.receivers and not self._paused
            buffered = self.buffered()
            if self.senders and (buffered < self._capacity or (takers and not buffered)):
                self._release()
            elif takers and buffered:
                self._serve(self._oldest())
            else:
                break
        if self.phase is _DRAINING and not self._has_items():
            self._end(Phase.COMPLETED)
        if self.receivers and self.is_ready():
            self._tell_the_end()

    # Endings.

    def complete(self) -> None:
        if self.phase is _OPEN:
            self.phase = _DRAINING
            self.settle()
        elif self.phase in GIVEN_UP:
            self._refuse_after_cancel()
        elif self._dialect.complete_twice == "refuse":
            raise errors.closed()

    def fail(self, shown: StreamError) -> None:
        overrides = self.phase is _DRAINING and self._dialect.error_after_complete == "override"
        if self.phase is _OPEN or overrides:
            self._failure = shown
            if self._dialect.buffered_after_error == "discard":
                self._discard()
            self._end(Phase.ERRORED)
            self._refuse_all(self.senders, self._bad_ending)
            self.settle()
        elif self.phase in GIVEN_UP:
            self._refuse_after_cancel()
        elif self._dialect.error_after_complete == "refuse":
            raise errors.closed()

    def cancel(self, reason: str) -> bool | None:
        if self.phase not in ENDED:
            self.give_up(Phase.CANCELLED, reason)
            return True
        # An ended stream stays as it is, but nobody will come for its last items any more.
        self._discard()
        self.settle()
        return self._dialect.cancel_twice

    def give_up(self, phase: Phase, reason: str) -> None:
        """The end at which nothing more is delivered: a cancel, or to the consumer a deadline."""
        self._reason = reason
        self._discard()
        self._end(phase)
        self._refuse_all(self.senders, self.cancelled)
        self.settle()

    def ending(self) -> End:
        """What a receiver finds where no item is left; raises what is an error."""
        if self.phase is not Phase.COMPLETED:
            raise self._bad_ending()
        if self._end_told:
            raise errors.closed()
        self._end_told = self._dialect.receive_after_end == "refuse"
        return END

    def cancelled(self) -> StreamError:
        return errors.cancelled(self._reason)

    # Holding back, and leaving.

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self.settle()

    def withdraw(self, parked: Parked[T]) -> None:
        parked.waits = False
        if parked in parked.queue:  # an interrupt may come just before
            parked.queue.remove(parked)
        self.settle()

    def abandon(self, parked: Parked[T]) -> None:
        """A caller is gone. An item that it was given and will never see goes back to where it came from."""
        if parked.waits:
            self.withdraw(parked)
        elif parked.place:
            lost = self.phase is Phase.ERRORED and self._dialect.buffered_after_error == "discard"
            if self.phase not in GIVEN_UP and not lost:
                # When several leave, in their old order and not in that of their leaving.
                insort(self._returned, (parked.place, parked.item), key=lambda returned: returned[0])
                self.settle()

    # Steps of steps.

    def _finish_unusual(self) -> None:
        if self.watchers and self.is_ready():
            self._news.append(partial(run_each, self.watchers))
            self.watchers = []
            if self.limit is not None and not self.listeners:
                self.limit.kept = None
        if self._dropped:
            # An item's finaliser is foreign code: the items are kept until the lock is free.
            self._news.append(self._dropped.clear)
            self._dropped = []
        held, returned = len(self.ends.shelf), len(self._returned)
        gives = self._fast and not self.senders and not self._paused and not returned
        takes = self._fast and not self.senders and self.phase is _OPEN and not self.receivers and not self.watchers
        self.ends.open(
            (held - 1 if self.phase is _DRAINING else held) if gives else 0,
            self._capacity - held - returned if takes else 0,
        )
        is_open = self.phase is _OPEN and not self._paused
        self._usual = is_open and not returned and not self.watchers and self._idle_s is None

    def _has_items(self) -> bool:
        return bool(self.ends.shelf or self.senders or self._returned)

    def _accept_unusual(self, item: T) -> bool:
        if self.phase is not _OPEN:
            raise self._refusal()
        if self.receivers and not self._paused:
            self._serve(item)
        elif self._room() > 0:
            self.ends.shelf.append(item)
        else:
            return False
        if self._idle_s is not None:
            self._accepted_at_s = time.monotonic()
        return True

    def _room(self) -> int:
        """How many more items may be accepted; certainly, because no receive without the lock goes on."""
        self.ends.revoke()
        return max(0, self._capacity - self.buffered())

    def _oldest(self) -> T:
        return self._returned.pop(0)[1] if self._returned else self.ends.shelf.popleft()

    def _serve(self, item: T) -> None:
        parked = self.receivers.popleft()
        parked.waits = False
        parked.item = item
        self._given = parked.place = self._given + 1
        self._news.append(parked.wake.release)

    def _release(self) -> None:
        self.ends.shelf.append(self._answer(self.senders.popleft()).item)
        if self._idle_s is not None:
            self._accepted_at_s = time.monotonic()

    def _answer(self, parked: Parked[T]) -> Parked[T]:
        parked.waits = False
        self._news.append(parked.wake.release)
        return parked

    def _refuse_all(self, queue: deque[Parked[T]], refusal: Callable[[], StreamError]) -> None:
        while queue:
            self._answer(queue.popleft()).refusal = refusal()

    def _end(self, phase: Phase) -> None:
        self.phase = phase
        if self.limit is not None:
            self.limit.stop()
            self.limit = None
        self._news.insert(0, partial(run_each, self.listeners))
        self.listeners = []
        while self.sleepers:
            self._answer(self.sleepers.popleft())

    def _discard(self) -> None:
        self._dropped += self._returned
        self._dropped += self.ends.shelf
        self._returned.clear()
        self.ends.shelf.clear()

    def _tell_the_end(self) -> None:
        if self.phase is not Phase.COMPLETED:
            self._refuse_all(self.receivers, self._bad_ending)
            return
        self._end_told = self._dialect.receive_after_end == "refuse"
        while self.receivers:
            self._answer(self.receivers.popleft()).item = END

    def _refusal(self) -> StreamError:
        """Of a send to a stream that has ended."""
        if self.phase in GIVEN_UP:
            return errors.closed() if self._dialect.send_after_cancel == "UNAVAILABLE" else self.cancelled()
        return errors.closed(Code.INTERNAL if self._dialect.send_after_end == "INTERNAL" else Code.UNAVAILABLE)

    def _refuse_after_cancel(self) -> None:
        if self._dialect.end_after_cancel == "refuse":
            raise self.cancelled()

    def _bad_ending(self) -> StreamError:
        match self.phase:
            case Phase.CANCELLED:
                return self.cancelled()
            case Phase.EXPIRED:
                return errors.expired()
            case _:
                assert self._failure is not None, "only `fail` makes a stream ERRORED"
                return errors.shown(self._failure)
