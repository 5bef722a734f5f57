"""The stream's state table: `(state, call) -> (new state, effects)`, the oracle of every shell.

Never here: items, tasks, threads, clocks. The table counts; a shell holds what is counted and obeys.

1. What is accepted and not yet received never exceeds the capacity; 0 is a rendezvous.
2. A send into a full stream parks; one receive releases one send, the longest parked first.
3. `complete` lets sends that were already parked finish (DRAINING); `error` refuses them with the error. What
   was accepted is received before either ending shows.
4. Of `complete` and `error` one succeeds, once. Afterwards they, and a send, are UNAVAILABLE (seeds 1.2: D1,
   D2 and D4 in their late form). After a cancel both are no-ops: the producer may not have seen it yet (D3).
5. A cancel discards the buffer, and every parked and later send and receive raises CANCELLED, for ever.
6. Parked receivers are woken all together and ask again: no item is under way to a task that has died.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import assert_never

DEFAULT_CAPACITY = 16


class Phase(enum.Enum):
    """The last three are absorbing."""

    OPEN = enum.auto()
    DRAINING = enum.auto()  # complete was called; something accepted or parked is still to be received
    COMPLETED = enum.auto()
    ERRORED = enum.auto()  # for the producer at once; the consumer sees it after the accepted items
    CANCELLED = enum.auto()


class Call(enum.Enum):
    """What can happen to a stream. The two abandons are parked calls whose task was cancelled."""

    SEND = enum.auto()
    COMPLETE = enum.auto()
    ERROR = enum.auto()
    CANCEL = enum.auto()
    RECEIVE = enum.auto()
    ABANDON_SEND = enum.auto()
    ABANDON_RECEIVE = enum.auto()


class Effect(enum.Enum):
    """What the shell must do, in this order. Two groups concern the caller, the third everyone else."""

    ACCEPT = enum.auto()  # the caller's item goes to the buffer's tail
    PARK_SENDER = enum.auto()
    RAISE_CANCELLED = enum.auto()
    RAISE_UNAVAILABLE = enum.auto()

    GIVE = enum.auto()  # the caller gets the buffer's head
    PARK_RECEIVER = enum.auto()
    GIVE_END = enum.auto()
    GIVE_ERROR = enum.auto()

    RELEASE_SENDER = enum.auto()  # the longest parked sender succeeds, its item goes to the buffer's tail
    CANCEL_SENDERS = enum.auto()  # every parked sender raises CANCELLED
    FAIL_SENDERS = enum.auto()  # every parked sender raises the stream's error
    WAKE_RECEIVERS = enum.auto()  # every parked receiver calls RECEIVE again
    KEEP_ERROR = enum.auto()
    DISCARD_BUFFER = enum.auto()
    CLEAN_UP = enum.auto()  # once in a stream's life


@dataclass(frozen=True, slots=True)
class State:
    """One stream, counted. With senders parked the buffer is full; with receivers parked both are empty."""

    phase: Phase = Phase.OPEN
    capacity: int = DEFAULT_CAPACITY
    buffered: int = 0
    senders: int = 0
    receivers: int = 0

    def __post_init__(self) -> None:
        if self.capacity < 0:
            raise ValueError(f"a capacity is 0 or more, not {self.capacity}")


Step = tuple[State, tuple[Effect, ...]]


# What a receiver finds when nothing is left. DRAINING is missing: `_drained` ends it with its last item.
_ENDINGS = {
    Phase.COMPLETED: Effect.GIVE_END,
    Phase.ERRORED: Effect.GIVE_ERROR,
    Phase.CANCELLED: Effect.RAISE_CANCELLED,
}


def step(state: State, call: Call) -> Step:
    """The whole table. It never raises: a refused call is an effect."""
    match call:
        case Call.SEND:
            return _send(state)
        case Call.COMPLETE | Call.ERROR:
            return _end(state, call)
        case Call.CANCEL:
            return _cancel(state)
        case Call.RECEIVE:
            return _receive(state)
        case Call.ABANDON_SEND:
            return _drained(replace(state, senders=state.senders - 1), ())
        case Call.ABANDON_RECEIVE:
            return replace(state, receivers=state.receivers - 1), ()
        case _:
            assert_never(call)


def _send(state: State) -> Step:
    if state.phase is Phase.CANCELLED:
        return state, (Effect.RAISE_CANCELLED,)
    if state.phase is not Phase.OPEN:
        return state, (Effect.RAISE_UNAVAILABLE,)
    if state.buffered < state.capacity:
        accepted = replace(state, buffered=state.buffered + 1, receivers=0)
        return accepted, (Effect.ACCEPT, *_wake(state))
    return replace(state, senders=state.senders + 1, receivers=0), (Effect.PARK_SENDER, *_wake(state))


def _end(state: State, call: Call) -> Step:
    if state.phase is Phase.CANCELLED:
        return state, ()
    if state.phase is not Phase.OPEN:
        return state, (Effect.RAISE_UNAVAILABLE,)
    if call is Call.ERROR:
        failed = replace(state, phase=Phase.ERRORED, senders=0, receivers=0)
        refused = (Effect.FAIL_SENDERS,) if state.senders else ()
        return failed, (Effect.KEEP_ERROR, *refused, *_wake(state), Effect.CLEAN_UP)
    return _drained(replace(state, phase=Phase.DRAINING, receivers=0), _wake(state))


def _cancel(state: State) -> Step:
    discard = (Effect.DISCARD_BUFFER,) if state.buffered else ()
    if state.phase not in {Phase.OPEN, Phase.DRAINING}:
        # An errored stream stays errored, but nobody will come for its last items any more.
        return replace(state, buffered=0), discard
    cancelled = State(phase=Phase.CANCELLED, capacity=state.capacity)
    woken = (Effect.CANCEL_SENDERS,) if state.senders else ()
    return cancelled, (*discard, *woken, *_wake(state), Effect.CLEAN_UP)


def _receive(state: State) -> Step:
    if state.buffered and state.senders:
        return replace(state, senders=state.senders - 1), (Effect.GIVE, Effect.RELEASE_SENDER)
    if state.buffered:
        return _drained(replace(state, buffered=state.buffered - 1), (Effect.GIVE,))
    if state.senders:  # only a rendezvous has senders beside an empty buffer
        return _drained(replace(state, senders=state.senders - 1), (Effect.RELEASE_SENDER, Effect.GIVE))
    if state.phase is Phase.OPEN:
        return replace(state, receivers=state.receivers + 1), (Effect.PARK_RECEIVER,)
    return state, (_ENDINGS[state.phase],)


def _wake(state: State) -> tuple[Effect, ...]:
    return (Effect.WAKE_RECEIVERS,) if state.receivers else ()


def _drained(state: State, effects: tuple[Effect, ...]) -> Step:
    """The step to `state`; a draining stream that has become empty is completed by it."""
    if state.phase is Phase.DRAINING and not state.buffered and not state.senders:
        return replace(state, phase=Phase.COMPLETED), (*effects, Effect.CLEAN_UP)
    return state, effects
