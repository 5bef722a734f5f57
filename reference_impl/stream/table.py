"""The stream's state table, the oracle of every shell: `step(state, call, dialect) -> (state, effects)`, pure.

Never here: items, tasks, threads, clocks. The table counts; a shell holds what is counted and obeys.

What holds in every state, and after every step:

1. Bound. `buffered` rises above the capacity only by a GIVE_BACK. Senders are parked only while the buffer is full,
   and only in OPEN or DRAINING.
2. Receivers are parked only while a poll would have no answer: nothing to receive and no ending, or a pause before
   something to receive. So nobody ever overtakes a parked call.
3. DRAINING means that something is still to be received; with its last item a draining stream is COMPLETED.
4. COMPLETED, ERRORED, CANCELLED and EXPIRED are absorbing, and the step into one of them cleans up, once.
5. CANCELLED and EXPIRED keep nothing and nobody.
6. A step never raises: a refused call is an effect, and a refused call changes nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final, assert_never

from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect

DEFAULT_CAPACITY: Final = 16


class Phase(enum.Enum):
    """The last four are absorbing."""

    OPEN = enum.auto()
    DRAINING = enum.auto()  # complete was called; something accepted or parked is still to be received
    COMPLETED = enum.auto()
    ERRORED = enum.auto()  # for the producer at once; the consumer sees it after the accepted items
    CANCELLED = enum.auto()
    EXPIRED = enum.auto()  # to the producer a cancel, to the consumer TIMED_OUT


class Call(enum.Enum):
    """What can happen to a stream. Whoever leaves a parked call, or one that was already served, says so."""

    SEND = enum.auto()
    COMPLETE = enum.auto()
    ERROR = enum.auto()
    CANCEL = enum.auto()
    EXPIRE = enum.auto()
    RECEIVE = enum.auto()
    POLL = enum.auto()  # a receive that never parks
    PAUSE = enum.auto()
    RESUME = enum.auto()
    ABANDON_SEND = enum.auto()  # cancelled, or timed out
    ABANDON_RECEIVE = enum.auto()
    GIVE_BACK = enum.auto()  # a parked receiver was handed an item and has left without it


class Effect(enum.Enum):
    """What the shell must do, in this order. Two groups concern the caller, the third everyone else."""

    ACCEPT = enum.auto()  # the caller's item goes to the buffer's tail
    PARK_SENDER = enum.auto()
    PUT_BACK = enum.auto()  # the caller's item goes to the buffer's front, where it came from
    RAISE_CANCELLED = enum.auto()
    RAISE_UNAVAILABLE = enum.auto()
    RAISE_INTERNAL = enum.auto()
    ANSWER_TRUE = enum.auto()
    ANSWER_FALSE = enum.auto()

    GIVE = enum.auto()  # the caller gets the buffer's head
    GIVE_EMPTY = enum.auto()
    GIVE_END = enum.auto()
    GIVE_ERROR = enum.auto()
    RAISE_TIMED_OUT = enum.auto()
    PARK_RECEIVER = enum.auto()

    KEEP_ERROR = enum.auto()  # the caller's failure is the stream's error
    KEEP_REASON = enum.auto()  # the caller's reason is what CANCELLED says
    RELEASE_SENDER = enum.auto()  # the longest parked sender succeeds, its item goes to the buffer's tail
    HAND_OVER = enum.auto()  # the longest parked receiver gets the buffer's head
    DISCARD_BUFFER = enum.auto()
    CLEAN_UP = enum.auto()  # once in a stream's life, before any parked call runs on
    CANCEL_SENDERS = enum.auto()  # every parked sender raises CANCELLED
    FAIL_SENDERS = enum.auto()  # every parked sender raises the stream's error
    END_RECEIVERS = enum.auto()  # every parked receiver gets END
    FAIL_RECEIVERS = enum.auto()  # ... raises the stream's error
    CANCEL_RECEIVERS = enum.auto()  # ... raises CANCELLED
    EXPIRE_RECEIVERS = enum.auto()  # ... raises TIMED_OUT


@dataclass(frozen=True, slots=True)
class State:
    """One stream, counted."""

    phase: Phase = Phase.OPEN
    capacity: int = DEFAULT_CAPACITY
    buffered: int = 0
    senders: int = 0
    receivers: int = 0
    paused: bool = False
    end_told: bool = False  # D7: only a dialect that refuses to repeat END remembers it

    def __post_init__(self) -> None:
        if self.capacity < 0:
            raise ValueError(f"a capacity is 0 or more, not {self.capacity}")


Effects = tuple[Effect, ...]
Step = tuple[State, Effects]

ENDED = frozenset({Phase.COMPLETED, Phase.ERRORED, Phase.CANCELLED, Phase.EXPIRED})
GIVEN_UP = frozenset({Phase.CANCELLED, Phase.EXPIRED})  # what the producer sees as a cancel
_NOTHING: Effects = ()


def step(state: State, call: Call, dialect: Dialect = DEFAULT) -> Step:  # noqa: C901, PLR0911 -- one line a call
    """The whole table."""
    match call:
        case Call.SEND:
            return _send(state, dialect)
        case Call.COMPLETE:
            return _complete(state, dialect)
        case Call.ERROR:
            return _error(state, dialect)
        case Call.CANCEL:
            return _cancel(state, dialect)
        case Call.EXPIRE:
            return _expire(state)
        case Call.RECEIVE | Call.POLL:
            return _receive(state, call, dialect)
        case Call.PAUSE:
            return replace(state, paused=True), _NOTHING
        case Call.RESUME:
            return _settled(replace(state, paused=False), _NOTHING, dialect)
        case Call.ABANDON_SEND:
            return _settled(replace(state, senders=state.senders - 1), _NOTHING, dialect)
        case Call.ABANDON_RECEIVE:
            return replace(state, receivers=state.receivers - 1), _NOTHING
        case Call.GIVE_BACK:
            return _give_back(state, dialect)
        case _:
            assert_never(call)


def is_ready(state: State) -> bool:
    """Whether a POLL would have an answer: an item that is not held back, or an ending with no item before it."""
    return not state.paused if _has_items(state) else state.phase is not Phase.OPEN


def may_give(state: State) -> bool:
    """Whether a POLL would give an item."""
    return _has_items(state) and not state.paused


def _has_items(state: State) -> bool:
    return state.buffered > 0 or state.senders > 0


def _send(state: State, dialect: Dialect) -> Step:
    if state.phase in GIVEN_UP:
        unavailable = dialect.send_after_cancel == "UNAVAILABLE"
        return state, (Effect.RAISE_UNAVAILABLE if unavailable else Effect.RAISE_CANCELLED,)
    if state.phase is not Phase.OPEN:
        internal = dialect.send_after_end == "INTERNAL"
        return state, (Effect.RAISE_INTERNAL if internal else Effect.RAISE_UNAVAILABLE,)
    if state.buffered < state.capacity or (state.receivers and not state.paused):
        return _settled(replace(state, buffered=state.buffered + 1), (Effect.ACCEPT,), dialect)
    return replace(state, senders=state.senders + 1), (Effect.PARK_SENDER,)


def _complete(state: State, dialect: Dialect) -> Step:
    if state.phase in GIVEN_UP:
        return state, _end_after_cancel(dialect)
    if state.phase is not Phase.OPEN:
        return state, _NOTHING if dialect.complete_twice == "ignore" else (Effect.RAISE_UNAVAILABLE,)
    return _settled(replace(state, phase=Phase.DRAINING), _NOTHING, dialect)


def _error(state: State, dialect: Dialect) -> Step:
    if state.phase in GIVEN_UP:
        return state, _end_after_cancel(dialect)
    overrides = state.phase is Phase.DRAINING and dialect.error_after_complete == "override"
    if state.phase is not Phase.OPEN and not overrides:
        return state, (Effect.RAISE_UNAVAILABLE,) if dialect.error_after_complete == "refuse" else _NOTHING
    discards = dialect.buffered_after_error == "discard" and state.buffered > 0
    discarded = (Effect.DISCARD_BUFFER,) if discards else _NOTHING
    refused = (Effect.FAIL_SENDERS,) if state.senders else _NOTHING
    failed = replace(state, phase=Phase.ERRORED, buffered=0 if discards else state.buffered, senders=0)
    return _settled(failed, (Effect.KEEP_ERROR, *discarded, Effect.CLEAN_UP, *refused), dialect)


def _end_after_cancel(dialect: Dialect) -> Effects:
    return (Effect.RAISE_CANCELLED,) if dialect.end_after_cancel == "refuse" else _NOTHING


def _cancel(state: State, dialect: Dialect) -> Step:
    if state.phase in ENDED:
        # An ended stream stays ended as it was, but nobody will come for its last items any more.
        said = (Effect.ANSWER_FALSE,) if dialect.cancel_twice is False else _NOTHING
        return _settled(replace(state, buffered=0), (*said, *_discard(state)), dialect)
    return _given_up(state, Phase.CANCELLED, (Effect.ANSWER_TRUE,), Effect.CANCEL_RECEIVERS)


def _expire(state: State) -> Step:
    if state.phase in ENDED:
        return state, _NOTHING
    return _given_up(state, Phase.EXPIRED, _NOTHING, Effect.EXPIRE_RECEIVERS)


def _given_up(state: State, phase: Phase, said: Effects, told: Effect) -> Step:
    """The end at which nothing more is delivered."""
    senders = (Effect.CANCEL_SENDERS,) if state.senders else _NOTHING
    receivers = (told,) if state.receivers else _NOTHING
    after = State(phase, state.capacity, paused=state.paused)
    return after, (*said, Effect.KEEP_REASON, *_discard(state), Effect.CLEAN_UP, *senders, *receivers)


def _discard(state: State) -> Effects:
    return (Effect.DISCARD_BUFFER,) if state.buffered else _NOTHING


def _receive(state: State, call: Call, dialect: Dialect) -> Step:
    if may_give(state):
        if state.buffered:
            return _settled(replace(state, buffered=state.buffered - 1), (Effect.GIVE,), dialect)
        # Only a rendezvous has senders beside an empty buffer.
        return _settled(replace(state, senders=state.senders - 1), (Effect.RELEASE_SENDER, Effect.GIVE), dialect)
    if not is_ready(state):
        if call is Call.POLL:
            return state, (Effect.GIVE_EMPTY,)
        return replace(state, receivers=state.receivers + 1), (Effect.PARK_RECEIVER,)
    return _ending(state, dialect)


def _ending(state: State, dialect: Dialect) -> Step:
    """What a receiver finds where no item is left."""
    match state.phase:
        case Phase.ERRORED:
            return state, (Effect.GIVE_ERROR,)
        case Phase.CANCELLED:
            return state, (Effect.RAISE_CANCELLED,)
        case Phase.EXPIRED:
            return state, (Effect.RAISE_TIMED_OUT,)
        case _:  # COMPLETED: `_settled` leaves no stream DRAINING that has nothing to give
            if state.end_told:
                return state, (Effect.RAISE_UNAVAILABLE,)
            return _end_told(state, dialect), (Effect.GIVE_END,)


def _end_told(state: State, dialect: Dialect) -> State:
    return replace(state, end_told=True) if dialect.receive_after_end == "refuse" else state


def _give_back(state: State, dialect: Dialect) -> Step:
    lost = state.phase is Phase.ERRORED and dialect.buffered_after_error == "discard"
    if state.phase in GIVEN_UP or lost:
        return state, (Effect.PUT_BACK, Effect.DISCARD_BUFFER)
    return _settled(replace(state, buffered=state.buffered + 1), (Effect.PUT_BACK,), dialect)


def _settled(state: State, effects: Effects, dialect: Dialect) -> Step:
    """The step to `state`, and on to where nothing more can move: to parked receivers, from parked senders."""
    buffered, senders, receivers = state.buffered, state.senders, 0 if state.paused else state.receivers
    moved: list[Effect] = []
    while True:
        if senders and (buffered < state.capacity or (receivers and not buffered)):
            moved.append(Effect.RELEASE_SENDER)
            buffered, senders = buffered + 1, senders - 1
        elif receivers and buffered:
            moved.append(Effect.HAND_OVER)
            buffered, receivers = buffered - 1, receivers - 1
        else:
            break
    served = moved.count(Effect.HAND_OVER)
    after = replace(state, buffered=buffered, senders=senders, receivers=state.receivers - served)
    return _told(*_drained(after, (*effects, *moved)), dialect)


def _drained(state: State, effects: Effects) -> Step:
    if state.phase is Phase.DRAINING and not _has_items(state):
        return replace(state, phase=Phase.COMPLETED), (*effects, Effect.CLEAN_UP)
    return state, effects


def _told(state: State, effects: Effects, dialect: Dialect) -> Step:
    """The step to `state`, where parked receivers learn of an ending that has no item before it."""
    if not state.receivers or not is_ready(state):
        return state, effects
    after = replace(state, receivers=0)
    if state.phase is Phase.COMPLETED:
        return _end_told(after, dialect), (*effects, Effect.END_RECEIVERS)
    return after, (*effects, Effect.FAIL_RECEIVERS)
