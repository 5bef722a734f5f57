"""`Holder`: the items, parked calls and listeners of one stream. It asks the table and obeys, one method a call.

`Parts` are the places where it can be broken on purpose; every default is the good behaviour. Never here: a decision
(they are the table's), a wait, a clock of its own, or a defect.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast

from streamspec.reference_impl.stream import errors, producing, table, times
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.marks import EMPTY, END, Empty, End
from streamspec.reference_impl.stream.table import Call, Effect, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.errors import StreamError

T = TypeVar("T")

TIME_IS_UP: Final = "the stream's time is up"  # what a producer learns of a deadline


class Signal(Protocol):
    """How a parked call learns that its ticket is no longer parked."""

    def set(self) -> None: ...

    def gone(self) -> bool:
        """Its task has been cancelled and does not know yet: nothing may happen in its name any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Accepted(Generic[T]):
    """An item of the stream, and its place in the order of all that were accepted."""

    place: int
    item: T


@dataclass(slots=True, eq=False)
class Ticket(Generic[T]):
    """One call and what became of it. While `parked` nothing has; whoever `waits` is told by `signal` afterwards."""

    brings: Any = None  # an item, a failure or a reason
    signal: Signal | None = None
    parked: bool = False
    waits: bool = False
    given: Accepted[T] | End | Empty | None = None
    said: bool | None = None
    refusal: StreamError | None = None

    def check(self) -> None:
        """Raise what the call was refused with."""
        if self.refusal is not None:
            raise self.refusal

    def answer(self) -> T | End | Empty:
        """What a receive got, or what it was refused with, raised."""
        self.check()
        if isinstance(self.given, Accepted):
            return self.given.item
        return cast("End | Empty", self.given)


@dataclass(slots=True)
class _News:
    """What is to be told once the lock is free, and dropped: an item's finaliser is foreign code too."""

    dropped: list[Accepted[Any]] = field(default_factory=list)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    wakes: list[Callable[[], None]] = field(default_factory=list)


def _first(waiting: deque[Any]) -> Any:
    return waiting.popleft()


def _remove(waiting: deque[Any], who: Any) -> None:
    waiting.remove(who)


def _run_each(cleanups: Sequence[Callable[[], None]], complain: Callable[[Exception], None]) -> None:
    for cleanup in cleanups:
        try:
            cleanup()
        except Exception as raised:  # noqa: BLE001 -- one bad cleanup must not starve the others (seeds 2.6, invariant 8)
            complain(raised)


def _cancel(stream: Any) -> None:
    stream.cancel()


def _buffered(state: State) -> int:
    return state.buffered


def _as_it_is(state: State, _item: object) -> State:
    return state


def _given(_stream: object, source: Any) -> Any:
    return source


def _stop(_stream: object, timer: Any) -> None:
    if timer is not None:
        timer.cancel()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a broken stream replaces. `take` and `release` remove what they choose from the deque and return it."""

    step: Callable[[State, Call, Dialect], table.Step] = table.step
    take: Callable[[deque[Accepted[Any]]], Accepted[Any]] = _first  # which accepted item is received next
    release: Callable[[deque[Ticket[Any]]], Ticket[Any]] = _first  # which parked sender goes first
    withdraw: Callable[[deque[Ticket[Any]], Ticket[Any]], None] = _remove  # how one that leaves is taken out
    clean: Callable[[Sequence[Callable[[], None]], Callable[[Exception], None]], None] = _run_each
    counted: Callable[[State], int] = _buffered  # what `buffered_amount` says
    seen: Callable[[State, Any], State] = _as_it_is  # what a call that brings this finds; only its capacity may differ
    leave: Callable[[Any], None] = _cancel  # what leaving an iteration early does to its stream
    begins: Callable[[Any], bool] = producing.is_open  # whether a handler is called at all
    after_handler: Callable[[Any, BaseException | None], None] = producing.end_after_handler
    source: Callable[[Any, Any], Any] = _given  # what feeds this stream, of the source that it was given
    left: Callable[[times.Times], float | None] = times.left_s  # until the time is up
    remaining: Callable[[times.Times], float | None] = times.remaining_s  # what `remaining_s` says
    let_go: Callable[[Any, Any], None] = _stop  # of a stream that has ended, and of its timer or None
    capacity: int = table.DEFAULT_CAPACITY  # of a stream that was not given one


GOOD: Final = Parts()


_TO_SENDERS = frozenset({Effect.CANCEL_SENDERS, Effect.FAIL_SENDERS})
_TO_RECEIVERS = frozenset(
    {Effect.END_RECEIVERS, Effect.FAIL_RECEIVERS, Effect.CANCEL_RECEIVERS, Effect.EXPIRE_RECEIVERS}
)


class Holder(Generic[T]):
    """One stream without its waiting. A shell brings the lock, the clock, and where to complain of listeners.

    What is changed under the lock is told outside it, so a listener or a woken call may call the stream again:
    listeners first, then parked calls, then who asked to be told that something can be received.
    """

    __slots__ = (
        "_buffer", "_clock", "_complain", "_dialect", "_failure", "_listeners", "_lock", "_news", "_over", "_parts",
        "_places", "_reason", "_receivers", "_senders", "_when_ended", "_when_ready", "accepted_at_s", "state",
    )  # fmt: skip

    def __init__(
        self,
        capacity: int,
        dialect: Dialect,
        parts: Parts,
        *,
        lock: AbstractContextManager[Any],
        clock: Callable[[], float],
        complain: Callable[[Exception], None],
        when_ended: Callable[[], None],
    ) -> None:
        self.state = State(capacity=capacity)
        self.accepted_at_s = clock()  # when the latest item was accepted; before the first, when the stream was made
        self._dialect = dialect
        self._parts = parts
        self._lock = lock
        self._clock = clock
        self._complain = complain
        self._when_ended = when_ended  # the shell's own, under the lock and before any listener
        self._buffer: deque[Accepted[T]] = deque()
        self._senders: deque[Ticket[T]] = deque()
        self._receivers: deque[Ticket[T]] = deque()
        self._listeners: list[Callable[[], None]] = []
        self._when_ready: list[Callable[[], None]] = []
        self._news = _News()
        self._over = False
        self._places = 0
        self._failure: StreamError | None = None
        self._reason = ""

    def send(self, ticket: Ticket[T]) -> None:
        self._call(Call.SEND, ticket)

    def receive(self, ticket: Ticket[T]) -> None:
        self._call(Call.RECEIVE, ticket)

    def poll(self) -> T | End | Empty:
        return self._call(Call.POLL, Ticket()).answer()

    def rest(self) -> list[T]:
        """All that can be received without waiting. It never asks for an ending, which is told only once in D7."""
        items: list[T] = []
        with self._turn():
            while table.may_give(self.state):
                ticket: Ticket[T] = Ticket()
                self._step(Call.POLL, ticket)
                items.append(cast("T", ticket.answer()))
        return items

    def complete(self) -> None:
        self._call(Call.COMPLETE, Ticket()).check()

    def error(self, failure: BaseException) -> None:
        self._call(Call.ERROR, Ticket(errors.shown(failure))).check()

    def cancel(self, reason: str) -> bool | None:
        return self._call(Call.CANCEL, Ticket(reason)).said

    def expire(self) -> None:
        self._call(Call.EXPIRE, Ticket(TIME_IS_UP))

    def pause(self) -> None:
        self._call(Call.PAUSE, Ticket())

    def resume(self) -> None:
        self._call(Call.RESUME, Ticket())

    def time_out(self, ticket: Ticket[T], timeout_s: float) -> None:
        """A send waits no longer. One that was released at the last moment has been sent."""
        with self._turn():
            if ticket.parked:
                ticket.refusal = errors.send_timed_out(timeout_s)
                self._withdraw(ticket)

    def abandon(self, ticket: Ticket[T]) -> None:
        """A caller leaves without its answer. A send that was released has been sent all the same."""
        with self._turn():
            if ticket.parked:
                self._withdraw(ticket)
            elif isinstance(ticket.given, Accepted):
                self._step(Call.GIVE_BACK, ticket)

    def on_end(self, cleanup: Callable[[], None]) -> None:
        with self._lock:
            if not self._over:
                self._listeners.append(cleanup)
                return
        self._parts.clean((cleanup,), self._complain)

    def on_ready(self, wake: Callable[[], None]) -> None:
        with self._turn():
            self._when_ready.append(wake)

    def cancelled(self) -> StreamError:
        return errors.cancelled(self._reason)

    def _call(self, call: Call, ticket: Ticket[T]) -> Ticket[T]:
        with self._turn():
            self._step(call, ticket)
        return ticket

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Alone with the stream; then everybody concerned is told."""
        with self._lock:
            self._bury_the_gone()
            yield
            news, self._news = self._news, _News()
            if self._when_ready and table.is_ready(self.state):
                news.wakes, self._when_ready = self._when_ready, []
        try:
            if news.listeners:
                self._parts.clean(news.listeners, self._complain)
        finally:
            for signal in news.signals:
                signal.set()
            _run_each(news.wakes, self._complain)

    def _bury_the_gone(self) -> None:
        # Receivers first: burying a sender may end the stream, and who is gone must not be told so (D7). All who are
        # left are then told, and parked no more.
        for ticket in [*self._receivers, *self._senders]:
            if ticket.parked and ticket.signal is not None and ticket.signal.gone():
                self._withdraw(ticket)

    def _withdraw(self, ticket: Ticket[T]) -> None:
        sends = ticket in self._senders
        self._parts.withdraw(self._senders if sends else self._receivers, ticket)
        self._unpark(ticket)
        self._step(Call.ABANDON_SEND if sends else Call.ABANDON_RECEIVE, ticket)

    def _step(self, call: Call, ticket: Ticket[T]) -> None:
        found = self._parts.seen(self.state, ticket.brings)
        after, effects = self._parts.step(found, call, self._dialect)
        self.state = after if found is self.state else replace(after, capacity=self.state.capacity)
        for effect in effects:
            self._move(effect, ticket)
            self._note(effect, ticket)
            for concerned in self._concerned(effect, ticket):
                self._answer(effect, concerned)

    def _move(self, effect: Effect, ticket: Ticket[T]) -> None:
        """What an effect does to items and parked calls."""
        match effect:
            case Effect.ACCEPT:
                self._accept(ticket)
            case Effect.PUT_BACK:
                self._put_back(ticket)
            case Effect.PARK_SENDER:
                self._park(ticket, self._senders)
            case Effect.PARK_RECEIVER:
                self._park(ticket, self._receivers)
            case Effect.GIVE:
                ticket.given = self._parts.take(self._buffer)
            case Effect.RELEASE_SENDER:
                released = self._parts.release(self._senders)
                self._accept(released)
                self._unpark(released)
            case Effect.HAND_OVER:
                served = self._receivers.popleft()
                served.given = self._parts.take(self._buffer)
                self._unpark(served)
            case Effect.DISCARD_BUFFER:
                self._news.dropped += self._buffer
                self._buffer.clear()
            case _:
                pass

    def _note(self, effect: Effect, ticket: Ticket[T]) -> None:
        """What an effect makes the stream remember."""
        match effect:
            case Effect.KEEP_ERROR:
                self._failure = ticket.brings
            case Effect.KEEP_REASON:
                self._reason = ticket.brings
            case Effect.CLEAN_UP:
                self._over = True
                self._when_ended()
                self._news.listeners, self._listeners = self._listeners, []
            case _:
                pass

    def _concerned(self, effect: Effect, ticket: Ticket[T]) -> Iterator[Ticket[T]]:
        """Whom an effect answers: the caller, or everybody who is parked on one side."""
        queue = self._senders if effect in _TO_SENDERS else self._receivers if effect in _TO_RECEIVERS else None
        if queue is None:
            yield ticket
            return
        while queue:
            parked = queue.popleft()
            self._unpark(parked)
            yield parked

    def _answer(self, effect: Effect, ticket: Ticket[T]) -> None:
        match effect:
            case Effect.GIVE_END | Effect.END_RECEIVERS:
                ticket.given = END
            case Effect.GIVE_EMPTY:
                ticket.given = EMPTY
            case Effect.ANSWER_TRUE | Effect.ANSWER_FALSE:
                ticket.said = effect is Effect.ANSWER_TRUE
            case Effect.GIVE_ERROR | Effect.FAIL_SENDERS | Effect.FAIL_RECEIVERS:
                assert self._failure is not None, "the table gives an error only after KEEP_ERROR"
                ticket.refusal = errors.shown(self._failure)
            case Effect.RAISE_CANCELLED | Effect.CANCEL_SENDERS | Effect.CANCEL_RECEIVERS:
                ticket.refusal = self.cancelled()
            case Effect.RAISE_TIMED_OUT | Effect.EXPIRE_RECEIVERS:
                ticket.refusal = errors.expired()
            case Effect.RAISE_UNAVAILABLE | Effect.RAISE_INTERNAL:
                code = Code.INTERNAL if effect is Effect.RAISE_INTERNAL else Code.UNAVAILABLE
                ticket.refusal = errors.closed(code)
            case _:
                pass

    def _accept(self, ticket: Ticket[T]) -> None:
        self._places += 1
        self._buffer.append(Accepted(self._places, ticket.brings))
        self.accepted_at_s = self._clock()

    def _put_back(self, ticket: Ticket[T]) -> None:
        # To the front, but when several leave in one turn, in their old order and not in that of their leaving.
        back, ticket.given = cast("Accepted[T]", ticket.given), None
        index = sum(kept.place < back.place for kept in self._buffer)
        self._buffer.insert(index, back)

    def _park(self, ticket: Ticket[T], queue: deque[Ticket[T]]) -> None:
        ticket.parked = ticket.waits = True
        queue.append(ticket)

    def _unpark(self, ticket: Ticket[T]) -> None:
        ticket.parked = False
        if ticket.signal is not None:
            self._news.signals.append(ticket.signal)
