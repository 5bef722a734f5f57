"""Which of several streams is received from next: the highest priority first, equals in turn, and nobody starves.

`choose` is the whole rule and pure; two thin shells obey it. Never here: a buffer. A scheduler takes an item from a
stream only to hand it on, so its streams' bounds hold as if it were not there.

Under contention a stream that is always ready is passed over at most `starvation_bound` times, and once more for each
other that starves with it, of whom the longest passed over goes first: of n streams at most bound + n - 2 times.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END, Empty, End

if TYPE_CHECKING:
    from collections.abc import Iterable

STARVATION_BOUND: Final = 8

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Scheduled(Protocol[T_co]):
    """What a scheduler needs of a stream. `poll` and `ready` take nothing that was not asked for."""

    @property
    def priority(self) -> int: ...

    @property
    def ready(self) -> bool: ...

    def poll(self) -> T_co | End | Empty: ...

    def on_ready(self, wake: Callable[[], None], /) -> object: ...


Received = tuple[Scheduled[T], T | StreamError]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stream that could be received from: how often others were preferred since its last turn, and when that was."""

    priority: int = 0
    passed_over: int = 0
    last_turn: int = 0  # turns are counted from 1, so 0 is a stream that had none


def choose(waiting: Sequence[Waiting], starvation_bound: int | None = STARVATION_BOUND) -> int:
    """The index of the one that goes next. A bound of None lets the lowest starve, 0 makes all take turns."""
    indices = range(len(waiting))
    if starvation_bound is not None:
        starving = [i for i in indices if waiting[i].passed_over >= starvation_bound]
        if starving:
            return max(starving, key=lambda i: (waiting[i].passed_over, waiting[i].priority, -waiting[i].last_turn))
    return max(indices, key=lambda i: (waiting[i].priority, -waiting[i].last_turn))


Choose = Callable[[Sequence[Waiting], int | None], int]


class _Entry(Generic[T]):
    """One stream's place. `armed` while the stream holds a wake of ours: it can be given but not taken back."""

    __slots__ = ("armed", "last_turn", "passed_over", "stream")

    def __init__(self, stream: Scheduled[T]) -> None:
        self.stream = stream
        self.passed_over = 0
        self.last_turn = 0
        self.armed = False


class _Turns(Generic[T]):
    """The books of both shells: who is in, who was passed over, whose turn it was. No waiting and no locking."""

    __slots__ = ("_bound", "_choose", "_entries", "_turn")

    def __init__(self, streams: Iterable[Scheduled[T]], starvation_bound: int | None, choose: Choose) -> None:
        if starvation_bound is not None and starvation_bound < 0:
            raise ValueError(f"a starvation bound is 0 or more, not {starvation_bound}")
        self._bound = starvation_bound
        self._choose = choose
        self._turn = 0
        self._entries: list[_Entry[T]] = []
        for stream in streams:
            self.add(stream)

    def add(self, stream: Scheduled[T]) -> None:
        if all(entry.stream is not stream for entry in self._entries):
            self._entries.append(_Entry(stream))

    def take(self) -> Received[T] | End | Empty:
        """An item or a failure with its stream, END when no stream is left, EMPTY when one would have to wait."""
        ready = [entry for entry in self._entries if entry.stream.ready]
        while ready:
            entry = ready.pop(self._next_of(ready))
            try:
                item = entry.stream.poll()
            except StreamError as failure:
                self._entries.remove(entry)
                self._count(entry, ready)
                return entry.stream, failure
            if item is END:
                self._entries.remove(entry)
            elif item is not EMPTY:  # another consumer may have been quicker
                self._count(entry, ready)
                return entry.stream, item
        return EMPTY if self._entries else END

    def arm(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when one of the streams is ready; each stream is asked once, however often we wait."""
        for entry in list(self._entries):
            if not entry.armed:
                entry.armed = True
                entry.stream.on_ready(lambda entry=entry: self._woken(entry, wake))  # type: ignore[misc]

    @staticmethod
    def _woken(entry: _Entry[T], wake: Callable[[], None]) -> None:
        entry.armed = False
        wake()

    def _next_of(self, ready: list[_Entry[T]]) -> int:
        waiting = [Waiting(entry.stream.priority, entry.passed_over, entry.last_turn) for entry in ready]
        return self._choose(waiting, self._bound)

    def _count(self, served: _Entry[T], others: list[_Entry[T]]) -> None:
        self._turn += 1
        served.last_turn = self._turn
        served.passed_over = 0
        for entry in others:
            entry.passed_over += 1


class AsyncScheduler(Generic[T]):
    """Receives from many streams of one event loop. Any number of tasks may receive."""

    __slots__ = ("_news", "_turns")

    def __init__(
        self,
        streams: Iterable[Scheduled[T]] = (),
        starvation_bound: int | None = STARVATION_BOUND,
        choose: Choose = choose,
    ) -> None:
        self._turns = _Turns(streams, starvation_bound, choose)
        self._news = asyncio.Event()

    def add(self, stream: Scheduled[T]) -> None:
        """Receive from this stream too, from now on."""
        self._turns.add(stream)
        self._news.set()

    async def receive(self) -> Received[T] | End:
        """The next item with its stream; a stream's failure with it, once; END when all streams have ended.

        A task cancelled while it waits has taken nothing.
        """
        while (answer := self._turns.take()) is EMPTY:
            self._news.clear()
            self._turns.arm(self._news.set)
            await self._news.wait()
        return answer


class ThreadScheduler(Generic[T]):
    """Receives from many streams of any threads. Any number of threads may receive.

    Two locks, because a stream may call us with its own lock held: `_books` is held while streams are called, and
    `_changed`, which is all that they can make us take, never is.
    """

    __slots__ = ("_added", "_books", "_changed", "_changes", "_turns")

    def __init__(
        self,
        streams: Iterable[Scheduled[T]] = (),
        starvation_bound: int | None = STARVATION_BOUND,
        choose: Choose = choose,
    ) -> None:
        self._turns = _Turns(streams, starvation_bound, choose)
        self._added: list[Scheduled[T]] = []
        self._books = threading.Lock()
        self._changed = threading.Condition(threading.Lock())
        self._changes = 0

    def add(self, stream: Scheduled[T]) -> None:
        """Receive from this stream too, from now on."""
        with self._changed:
            self._added.append(stream)
        self._wake()

    def receive(self) -> Received[T] | End:
        """The next item with its stream; a stream's failure with it, once; END when all streams have ended."""
        while True:
            seen = self._changes
            with self._books:
                self._let_in()
                answer = self._turns.take()
                if answer is not EMPTY:
                    return answer
                self._turns.arm(self._wake)
            with self._changed:
                while self._changes == seen:
                    self._changed.wait()

    def _let_in(self) -> None:
        with self._changed:
            added, self._added = self._added, []
        for stream in added:
            self._turns.add(stream)

    def _wake(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()
