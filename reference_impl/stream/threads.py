"""`Stream` for threads: a call that has to wait blocks its thread. Any number of threads on either side.

Each call is either one atomic step without the lock, or a step under the lock that its stream got when first used: see
thread_ends.py for why the two never collide, and thread_guarded.py for the rules and for when an end is open. Where
there is no GIL, the one place that knows (`thread_ends.ATOMIC`) keeps the ends shut, and every call takes the lock.
A call that came to the lock happens at the moment at which it holds it; one that parked, when somebody answers it.

Never here: a rule, or foreign code (an item's finaliser, a listener, an iterator) under the lock.
"""

from __future__ import annotations

import threading
import time
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from streamspec.reference_impl.stream import errors, producing
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END, Empty, End
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY, ENDED, GIVEN_UP, Phase
from streamspec.reference_impl.stream.thread_ends import FAR, Ends
from streamspec.reference_impl.stream.thread_guarded import Guarded, Options
from streamspec.reference_impl.stream.thread_limits import keep, watch_the_time
from streamspec.reference_impl.stream.thread_parked import Parked, run_each, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

_UNUSED: Final[Ends[Any]] = Ends()  # of every stream that nobody has used yet: both ends are shut, for good
_PLAIN: Final = Options()
_MAKING: Final = threading.RLock()  # held while a stream gets its own lock


class Stream(Generic[T]):
    """docs/stream.md for threads. A finaliser or a signal handler may call `cancel`, and nothing else."""

    END: Final = END  # for a judge that knows nothing of ours (docs/objects.md)

    __slots__ = ("__weakref__", "_ends", "_guarded", "_options", "capacity")

    def __init__(
        self,
        capacity: int = DEFAULT_CAPACITY,
        *,
        dialect: Dialect = DEFAULT,
        send_timeout_s: float | None = None,
        deadline_s: float | None = None,
        idle_s: float | None = None,
        priority: int = 0,
    ) -> None:
        if capacity < 0:
            raise ValueError(f"a capacity is 0 or more, not {capacity}")
        self.capacity: Final = capacity
        self._ends: Ends[T] = _UNUSED
        self._guarded: Guarded[T] | None = None
        timed = deadline_s is not None or idle_s is not None
        if timed or dialect is not DEFAULT or send_timeout_s is not None or priority:
            self._options = Options(dialect, send_timeout_s, deadline_s, idle_s, priority)
        else:
            self._options = _PLAIN
        if timed:
            watch_the_time(self._used())

    @property
    def dialect(self) -> Dialect:
        return self._options.dialect

    @property
    def send_timeout_s(self) -> float | None:
        return self._options.send_timeout_s

    @property
    def deadline_s(self) -> float | None:
        return self._options.deadline_s

    @property
    def idle_s(self) -> float | None:
        return self._options.idle_s

    @property
    def priority(self) -> int:
        return self._options.priority

    # The fast calls.

    def send(self, item: T, timeout_s: float | None = None) -> None:
        """Hand over one item, waiting while the stream is full. Raises CANCELLED, UNAVAILABLE, its error, TIMED_OUT."""
        try:
            self._ends.gate.insert(FAR, item)
        except IndexError:
            pass
        else:
            return
        self._send(item, self._options.send_timeout_s if timeout_s is None else timeout_s)

    def receive(self) -> T | End:
        """The next item, or END. Raises the stream's error, CANCELLED or, after a deadline, TIMED_OUT."""
        try:
            return next(self._ends.outbox)
        except StopIteration:
            pass
        return self._receive()

    def poll(self) -> T | End | Empty:
        """As `receive`, but EMPTY where that would wait."""
        try:
            return next(self._ends.outbox)
        except StopIteration:
            pass
        return self._step(Guarded.poll)

    def __iter__(self) -> Iterator[T]:
        """The items. Leaving early (`break`, an exception) cancels, as soon as the iterator is dropped."""
        return chain.from_iterable(self._helpings())

    def _helpings(self) -> Iterator[Iterable[T]]:
        try:
            while (item := self._receive()) is not END:
                yield (item,)
                yield self._ends.outbox
        except StreamError:
            raise  # the stream's own end is no leaving
        except BaseException:
            self.cancel()
            raise

    # The same under the lock.

    def _send(self, item: T, timeout_s: float | None) -> None:
        guarded = self._guarded or self._used()
        if guarded.is_entered():
            raise _entered()
        parked: Parked[T] | None = None
        # All of it is tried: a KeyboardInterrupt may come as soon as the call has parked.
        try:
            with guarded.lock:
                guarded.ends.collect()
                if not guarded.accept(item):
                    parked = Parked(guarded.senders, item)
                    guarded.senders.append(parked)
                news = guarded.finish()
            if news:
                tell(news)
            if parked is not None:
                self._wait_to_be_sent(parked, timeout_s)
        except BaseException:
            self._abandon(parked)
            raise

    def _receive(self) -> T | End:
        guarded = self._guarded or self._used()
        if guarded.is_entered():
            raise _entered()
        parked: Parked[T] | None = None
        try:
            with guarded.lock:
                guarded.ends.close()
                if guarded.may_give():
                    item: T | End = guarded.give()
                    news = guarded.finish()
                elif guarded.is_ready():
                    return guarded.ending()
                else:  # both ends stay shut
                    parked = Parked(guarded.receivers)
                    guarded.receivers.append(parked)
            if parked is None:
                if news:
                    tell(news)
                return item
            parked.wake.acquire()
        except BaseException:
            self._abandon(parked)
            raise
        if parked.refusal is not None:
            raise parked.refusal
        answer: T | End = parked.item  # and no call any more, in which an interrupt could lose it
        return answer

    # Many at once.

    def send_batch(self, items: Iterable[T]) -> None:
        """The items in order, as if sent one by one; other senders may come between."""
        # Only a list or a tuple is certain to have its items already, and to give them without foreign code.
        if type(items) is list or type(items) is tuple:
            there = cast("Sequence[T]", items)
            sent = 0
            while sent < len(there):
                sent += self._send_some(there, sent)
        else:
            for item in items:
                self.send(item)

    def receive_batch(self) -> list[T]:
        """All that can be received now, at least one item; [] at the end."""
        item = self.receive()
        return [] if item is END else [item, *self._rest()]

    def _send_some(self, items: Sequence[T], start: int) -> int:
        """Send as many of the items from `start` on as go without waiting, and one for which it waits; how many."""
        guarded = self._entering()
        parked: Parked[T] | None = None
        try:
            with guarded.lock:
                guarded.ends.collect()
                count = guarded.accept_some(items, start)
                if start + count < len(items):
                    parked = Parked(guarded.senders, items[start + count])
                    guarded.senders.append(parked)
                news = guarded.finish()
            if news:
                tell(news)
            if parked is not None:
                self._wait_to_be_sent(parked, self.send_timeout_s)
        except BaseException:
            self._abandon(parked)
            raise
        return count if parked is None else count + 1

    def _rest(self) -> list[T]:
        guarded = self._entering()
        with guarded.lock:
            guarded.ends.close()
            items = guarded.give_all() if guarded.may_give() else []
            news = guarded.finish()
        if news:
            tell(news)
        return items

    # Endings.

    def complete(self) -> None:
        """End well, after what was sent. Raises UNAVAILABLE if already ended; a no-op once cancelled."""
        self._step(Guarded.complete)

    def error(self, failure: BaseException) -> None:
        """End badly, after what was accepted. Raises and forgives as `complete`."""
        shown = errors.shown(failure)
        self._step(lambda guarded: guarded.fail(shown))

    def cancel(self, reason: str = "") -> bool | None:
        """The consumer wants no more. Never raises; only the first call does anything."""
        if self._used().is_entered():
            # A finaliser, perhaps that of a forgotten iterator, or a signal handler calls in the middle of a step.
            threading.Thread(target=self.cancel, args=(reason,), daemon=True).start()
            return None
        return self._step(lambda guarded: guarded.cancel(reason))

    def on_end(self, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` exactly once: when the stream ends in any way, or now if it has."""
        guarded = self._entering()
        with guarded.lock:
            if guarded.phase not in ENDED:
                guarded.listeners.append(cleanup)
                keep(guarded)
                return
        run_each((cleanup,))

    def sleep(self, seconds: float) -> None:
        """A pause for a producer: the end of the stream ends it, and after a cancel it raises CANCELLED."""
        guarded = self._entering()
        parked: Parked[T] | None = None
        try:
            with guarded.lock:
                if guarded.phase not in ENDED:
                    parked = Parked(guarded.sleepers)
                    guarded.sleepers.append(parked)
            if parked is not None and not parked.sit(seconds):
                self._give_up(parked, None)
        except BaseException:
            self._abandon(parked)
            raise
        if guarded.phase in GIVEN_UP:
            raise guarded.cancelled()

    # Holding back, and looking.

    def pause(self) -> None:
        """Hold delivery back. Senders go on until the stream is full."""
        self._step(Guarded.pause)

    def resume(self) -> None:
        """Go on: receivers that wait are served in order."""
        self._step(Guarded.resume)

    @property
    def ready(self) -> bool:
        """Whether `poll` would have an answer."""
        return self._guarded is not None and self._step(lambda guarded: guarded.is_ready())

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, as soon as `poll` would have an answer."""

        def watch(guarded: Guarded[T]) -> None:
            guarded.watchers.append(wake)
            keep(guarded)

        self._step(watch)

    @property
    def state(self) -> Phase:
        return Phase.OPEN if self._guarded is None else self._guarded.phase

    @property
    def buffered_amount(self) -> int:
        """Items accepted and not received; parked sends are not counted."""
        return 0 if self._guarded is None else self._step(lambda guarded: guarded.buffered())

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the deadline, never below 0; None without one."""
        ends_at_s = None if self._guarded is None else self._guarded.ends_at_s
        return None if ends_at_s is None else max(0.0, ends_at_s - time.monotonic())

    # Lives around it.

    def produce(self, handler: Callable[[Stream[T]], object]) -> None:
        """Run `handler(stream)` as the framework would. Raises nothing that the handler raised."""
        producing.produce_blocking(self, handler)

    def feed(self, source: Iterable[T]) -> None:
        """Send every item of the source, complete, and close the source whatever happens."""
        producing.feed_blocking(self, source)

    # The lock, and leaving a parked call.

    def _used(self) -> Guarded[T]:
        if self._guarded is None:
            # All is made before it is looked again: making may call a finaliser, and that may make it first.
            ends: Ends[T] = Ends()
            guarded = Guarded(self.capacity, self._options, ends)
            with _MAKING:
                if self._guarded is None:
                    # The ends last: whoever finds them open finds the lock as well.
                    self._guarded = guarded
                    self._ends = ends
        return self._guarded

    def _entering(self) -> Guarded[T]:
        guarded = self._used()
        if guarded.is_entered():
            raise _entered()
        return guarded

    def _step(self, step: Callable[[Guarded[T]], R]) -> R:
        """Any other step: both ends shut, and what is to be told, told."""
        guarded = self._entering()
        with guarded.lock:
            guarded.begin()
            answer = step(guarded)
            news = guarded.finish()
        if news:
            tell(news)
        return answer

    def _wait_to_be_sent(self, parked: Parked[T], timeout_s: float | None) -> None:
        if not parked.sit(timeout_s):
            assert timeout_s is not None, "only a wait with a timeout comes to nothing"
            self._give_up(parked, errors.send_timed_out(timeout_s))
        if parked.refusal is not None:
            raise parked.refusal

    def _give_up(self, parked: Parked[T], refusal: StreamError | None) -> None:
        """The time of a parked call is up. One that was answered at the last moment has its answer."""

        def give_up(guarded: Guarded[T]) -> bool:
            if not parked.waits:
                return False
            parked.refusal = refusal
            guarded.withdraw(parked)
            return True

        if not self._step(give_up):
            parked.wake.acquire()  # listeners go first even so

    def _abandon(self, parked: Parked[T] | None) -> None:
        """A caller leaves without its answer. A send that was accepted has been sent all the same."""
        if parked is not None:
            left = parked
            self._step(lambda guarded: guarded.abandon(left))


def _entered() -> RuntimeError:
    return RuntimeError("only `cancel` may be called in the middle of another call of the same thread")
