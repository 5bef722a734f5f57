"""`Core`: what an asyncio stream is and does without waiting: its items, its parked calls, and the table inlined.

Two guards let `send` and `receive` pass without a look at anything else: `_room`, how far the buffer may grow with
nobody concerned, and `_care`, whether taking an item means more than taking it. Whatever is rare (an ending, a pause, a
parked call, a watched send) shuts a guard, and behind a guard that is shut everything is exact: a call first settles
what nobody had to know, then moves what can move, then folds what it finds into the guards. A guard may be shut without
need, never open. Never here: a coroutine, a lock, a loop kept by the module.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.aio_rare import Limits, Rare, run_each, tell
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.holder import TIME_IS_UP
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY, ENDED, GIVEN_UP, Phase

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable, Sequence

    from streamspec.reference_impl.stream.errors import StreamError

T = TypeVar("T")
# A send that waits: a future, which is told None when it has sent or else the phase it was refused in, and its item.
Parked = tuple["Future[Phase | None]", T]

# Looked up once: before 3.12 an enum finds its members by a slow path.
OPEN: Final = Phase.OPEN
DRAINING: Final = Phase.DRAINING
COMPLETED: Final = Phase.COMPLETED
CANCELLED: Final = Phase.CANCELLED

SHUT: Final = -1  # of `_room`: not even an empty buffer may grow unseen
PLAIN, SENDERS, CARE = 0, 1, 2  # of `_care`: just take; release a parked send as well; there is more to it

NOTHING: Final[Any] = ()  # stands for a deque until it has to hold something: one is five times a stream's size
WOULD_WAIT: Final[Any] = object()


class Claim:
    """A receive that has not parked yet: for one turn of the loop it only keeps its place, and then looks again."""

    __slots__ = ("requests", "task", "told")

    task: Task[Any]
    requests: int  # to cancel the task, when it claimed
    told: Future[Any] | None  # if somebody had to know of it, this is how it was parked, or what it was given


class Core(Generic[T]):
    """The half of `Stream` that never waits. One object with the other half, which costs an item less than two."""

    END: Final = END  # for a judge that knows nothing of ours (docs/objects.md)

    __slots__ = ("__weakref__", "_buffer", "_care", "_claim", "_given", "_loop", "_patience", "_phase", "_rare",
                 "_receivers", "_room", "_senders", "capacity")  # fmt: skip

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
        self.capacity = capacity
        self._phase = OPEN
        self._buffer: deque[T] = NOTHING
        self._senders: deque[Parked[T]] = NOTHING
        self._receivers: deque[Future[Any]] = NOTHING  # told an ending, or a place among the given and an item
        self._given = 0  # to parked receives
        self._claim: Claim | None = None
        self._patience = 0
        self._loop: AbstractEventLoop | None = None
        self._room = SHUT
        self._care = PLAIN
        self._rare: Rare | None = None
        timed = deadline_s is not None or idle_s is not None
        if timed or priority or send_timeout_s is not None or dialect is not DEFAULT:
            self._rare = Rare(dialect, send_timeout_s, deadline_s, idle_s, priority)
            if timed:
                self._rare.limits = Limits(deadline_s, idle_s)
                self._rare.limits.watch(self._expire)

    @property
    def dialect(self) -> Dialect:
        return DEFAULT if self._rare is None else self._rare.dialect

    @property
    def send_timeout_s(self) -> float | None:
        return None if self._rare is None else self._rare.send_timeout_s

    @property
    def deadline_s(self) -> float | None:
        return None if self._rare is None else self._rare.deadline_s

    @property
    def idle_s(self) -> float | None:
        return None if self._rare is None else self._rare.idle_s

    @property
    def priority(self) -> int:
        return 0 if self._rare is None else self._rare.priority

    @property
    def remaining_s(self) -> float | None:
        return None if self._rare is None or self._rare.limits is None else self._rare.limits.remaining_s()

    @property
    def state(self) -> Phase:
        return self._phase

    @property
    def buffered_amount(self) -> int:
        self._settle_claim()
        return len(self._buffer)

    @property
    def ready(self) -> bool:
        self._settle_claim()
        if self._buffer or self._senders:
            return not self._is_paused()
        return self._phase is not OPEN

    def on_ready(self, wake: Callable[[], None]) -> None:
        """Call `wake` once, as soon as `poll` has an answer."""
        self._settle()
        self._rarity().wakes.append(wake)
        self._fold()

    def complete(self) -> None:
        """End well, after what was sent."""
        self._settle()
        if self._phase is OPEN:
            self._phase = DRAINING
            self._move()
        else:
            self._refuse_end(self.dialect.complete_twice)

    def error(self, failure: BaseException) -> None:
        """End badly, after what was accepted."""
        self._settle()
        rare = self._rarity()
        overrides = self._phase is DRAINING and rare.dialect.error_after_complete == "override"
        if self._phase is not OPEN and not overrides:
            self._refuse_end(rare.dialect.error_after_complete)
            return
        rare.failure = errors.shown(failure)
        if rare.dialect.buffered_after_error == "discard":
            self._discard()
        self._end(Phase.ERRORED)

    def cancel(self, reason: str = "") -> bool | None:
        """The consumer wants no more. Never raises. True if this ended the stream, else what the dialect says."""
        self._settle()
        if self._phase is OPEN or self._phase is DRAINING:
            if reason:
                self._rarity().reason = reason
            self._discard()
            self._end(CANCELLED)
            return True
        # It stays ended as it was, but nobody will come for its last items any more.
        self._discard()
        self._move()
        return self.dialect.cancel_twice

    def pause(self) -> None:
        """Hold delivery back."""
        self._settle()
        self._rarity().paused = True
        self._fold()

    def resume(self) -> None:
        self._settle()
        self._rarity().paused = False
        self._move()

    def on_end(self, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` exactly once, when the stream ends in any way; at once if it has."""
        if self._phase in ENDED:
            run_each([cleanup])
        else:
            self._rarity().listeners.append(cleanup)

    def _rarity(self) -> Rare:
        if self._rare is None:
            self._rare = Rare()
        return self._rare

    def _is_paused(self) -> bool:
        return self._rare is not None and self._rare.paused

    def _accept(self, item: T) -> bool:
        """Take in an item, if that can be done now. A send that is refused raises."""
        self._settle()
        if self._phase is not OPEN:
            raise self._rarity().refusal_of_send(self._phase)
        if self._buffer is NOTHING:
            self._buffer = deque()
        if len(self._buffer) >= self.capacity and (not self._receivers or self._is_paused()):
            self._fold()
            return False
        self._take_in(item)
        self._move()
        return True

    def _answer(self) -> Any:
        """What a receive finds: an item, END, `WOULD_WAIT`, or a failure, which is raised."""
        buffer = self._buffer
        if self._care == SENDERS and buffer:
            item = buffer.popleft()
            senders = self._senders
            while senders and len(buffer) < self.capacity:
                told, released = senders.popleft()
                if not told.done():
                    buffer.append(released)
                    told.set_result(None)
            if not senders:
                self._care = PLAIN
            return item
        if self._care == PLAIN and self._room == self.capacity and not buffer:
            return WOULD_WAIT
        self._settle()
        if self._buffer or self._senders:
            return WOULD_WAIT if self._is_paused() else self._take()
        if self._phase is OPEN:
            return WOULD_WAIT
        if self._phase is COMPLETED and (self._rare is None or self._rare.may_tell_end()):
            return END
        raise self._failure()

    def _take(self) -> T:
        """The oldest item, and all that follows from that."""
        if not self._buffer:
            self._release()  # a rendezvous: from hand to hand
        item = self._buffer.popleft()
        if self._rare is not None and self._rare.places:
            del self._rare.places[0]
        self._move()
        return item

    def _take_in(self, item: T) -> None:
        self._buffer.append(item)
        if self._rare is not None and self._rare.limits is not None:
            self._rare.limits.accepted()

    def _release(self) -> None:
        """The longest parked send succeeds, unless its task has been cancelled and does not know yet."""
        told, item = self._senders.popleft()
        if not told.done():
            self._take_in(item)
            told.set_result(None)

    def _hand_over(self) -> None:
        """The oldest item to the longest parked receive."""
        rare = self._rare
        if rare is not None and rare.places:
            place = rare.places.pop(0)
        else:
            place = self._given = self._given + 1
        self._receivers.popleft().set_result((place, self._buffer.popleft()))

    def _discard(self) -> None:
        if self._buffer:
            self._buffer.clear()
            if self._rare is not None:
                self._rare.places.clear()

    def _settle(self) -> None:
        """The first act of every call that has to be exact."""
        if self._claim is not None:
            self._settle_claim()
        if self._senders or self._receivers:
            self._bury()
        if self._phase is DRAINING and not self._buffer and not self._senders:
            self._end(COMPLETED)

    def _settle_claim(self) -> None:
        """Somebody has to know of the claim: its receive is parked, and given what was promised to it."""
        claim = self._claim
        if claim is None:
            return
        self._claim = None
        self._room, self._care = SHUT, CARE
        if claim.task.cancelling() == claim.requests:  # else it is about to leave, and its place is free
            claim.told = self._park_receive()
            if self._buffer:
                self._hand_over()

    def _park_receive(self) -> Future[Any]:
        told: Future[Any] = Future(loop=self._loop)
        if self._receivers is NOTHING:
            self._receivers = deque()
            self._loop = told.get_loop()
        self._receivers.append(told)
        self._room = SHUT
        return told

    def _bury(self) -> None:
        """Nothing may happen in the name of a call whose task has been cancelled, even if it does not know yet."""
        while self._senders and self._senders[0][0].done():
            self._senders.popleft()
        while self._receivers and self._receivers[0].done():
            self._receivers.popleft()

    def _move(self) -> None:
        """Whatever can go on goes on: from parked sends to the buffer, from there to parked receives, to the end."""
        buffer = self._buffer
        while True:
            self._bury()
            taking = self._receivers and not self._is_paused()
            if self._senders and (len(buffer) < self.capacity or (taking and not buffer)):
                self._release()
            elif taking and buffer:
                self._hand_over()
            else:
                break
        if self._phase is DRAINING and not buffer and not self._senders:
            self._end(COMPLETED)
            return
        if self._receivers and self._phase is not OPEN and self._phase is not DRAINING:
            self._turn_away()
        self._fold()

    def _fold(self) -> None:
        """The last act: the guards are true again, and whoever waits for something to be ready is told."""
        rare = self._rare
        wakes = self._wakes()
        shut = self._phase is not OPEN or self._receivers or self._buffer is NOTHING
        self._room = SHUT if shut or (rare is not None and rare.watches_sends()) else self.capacity
        if self._phase is DRAINING or (rare is not None and rare.watches_receives()):
            self._care = CARE
        else:
            self._care = SENDERS if self._senders else PLAIN
        if wakes:
            run_each(wakes)

    def _wakes(self) -> Sequence[Callable[[], None]]:
        """Whom to tell that something is ready."""
        if self._rare is None or not self._rare.wakes or not self.ready:
            return ()
        wakes, self._rare.wakes = self._rare.wakes, []
        return wakes

    def _expire(self) -> None:
        self._settle()
        if self._phase is OPEN or self._phase is DRAINING:
            self._rarity().reason = TIME_IS_UP
            self._discard()
            self._end(Phase.EXPIRED)

    def _end(self, phase: Phase) -> None:
        """Parked calls are told before listeners, but none of them runs on before the listeners are through."""
        self._phase = phase
        self._room, self._care = SHUT, CARE
        if self._senders:
            senders, self._senders = self._senders, NOTHING
            for told, _ in senders:
                tell(told, phase)
        if self._receivers:
            self._turn_away()
        if self._rare is not None:
            wakes = self._wakes()
            self._rare.over()
            run_each(wakes)

    def _turn_away(self) -> None:
        """Parked receives learn of an ending that has no item before it."""
        if self._buffer:
            return
        receivers, self._receivers = self._receivers, NOTHING
        for told in receivers:
            tell(told, self._phase)
        if self._rare is not None:
            self._rare.may_tell_end()  # they were

    def _failure(self) -> StreamError:
        """What a receive raises where nothing is left. To be raised unnamed: a frame that names it is kept by it."""
        return self._cancelled() if self._rare is None else self._rare.failure_shown(self._phase)

    def _cancelled(self) -> StreamError:
        return errors.cancelled("" if self._rare is None else self._rare.reason)

    def _refuse_end(self, twice: str) -> None:
        """An ending comes too late; `twice` is the dialect's word on this one."""
        given_up = self._phase in GIVEN_UP
        if (self.dialect.end_after_cancel if given_up else twice) == "refuse":
            raise self._cancelled() if given_up else errors.closed()
