"""The state table: every call in every state, and what no sequence of calls may bring about."""

from __future__ import annotations

import itertools
from collections import deque

import pytest

from streamspec.reference_impl.stream.table import Call, Effect, Phase, State, step

ENDED = (Phase.COMPLETED, Phase.ERRORED, Phase.CANCELLED)
CALLS = (Call.SEND, Call.COMPLETE, Call.ERROR, Call.CANCEL, Call.RECEIVE)


def _reachable(capacity: int, most_parked: int = 2) -> set[State]:
    seen = {State(capacity=capacity)}
    queue = deque(seen)
    while queue:
        state = queue.popleft()
        for call in _possible(state):
            after, _ = step(state, call)
            if after not in seen and max(after.senders, after.receivers) <= most_parked:
                seen.add(after)
                queue.append(after)
    return seen


def _possible(state: State) -> list[Call]:
    abandons = [Call.ABANDON_SEND] * bool(state.senders) + [Call.ABANDON_RECEIVE] * bool(state.receivers)
    return [*CALLS, *abandons]


EVERY_STEP = [
    pytest.param(state, call, id=f"{call.name}-{state.phase.name}-{index}")
    for capacity in (0, 1, 2)
    for index, state in enumerate(sorted(_reachable(capacity), key=repr))
    for call in _possible(state)
]


@pytest.mark.parametrize(("state", "call"), EVERY_STEP)
def test_no_step_breaks_what_holds_in_every_state(state: State, call: Call) -> None:
    after, effects = step(state, call)
    assert 0 <= after.buffered <= after.capacity == state.capacity
    assert after.senders == 0 or after.buffered == after.capacity
    assert after.receivers == 0 or (after.phase is Phase.OPEN and not after.buffered and not after.senders)
    assert after.senders == 0 or after.phase in {Phase.OPEN, Phase.DRAINING}
    assert (after.phase is Phase.DRAINING) <= bool(after.buffered or after.senders)
    if state.phase in ENDED:
        assert after.phase is state.phase
    ended_now = state.phase not in ENDED and after.phase in ENDED
    assert effects.count(Effect.CLEAN_UP) == ended_now


@pytest.mark.parametrize(("state", "call"), EVERY_STEP)
def test_the_counts_follow_the_effects(state: State, call: Call) -> None:
    after, effects = step(state, call)
    count = effects.count
    released, failed = count(Effect.RELEASE_SENDER), count(Effect.CANCEL_SENDERS) + count(Effect.FAIL_SENDERS)
    gained = count(Effect.ACCEPT) + released - count(Effect.GIVE)
    assert after.buffered == (0 if Effect.DISCARD_BUFFER in effects else state.buffered + gained)
    left = 0 if failed else state.senders - released - (call is Call.ABANDON_SEND)
    assert after.senders == left + count(Effect.PARK_SENDER)
    waiting = 0 if Effect.WAKE_RECEIVERS in effects else state.receivers - (call is Call.ABANDON_RECEIVE)
    assert after.receivers == waiting + count(Effect.PARK_RECEIVER)


OPEN, FULL = State(capacity=2, buffered=1), State(capacity=2, buffered=2)
DRAINING = State(Phase.DRAINING, capacity=2, buffered=2)
COMPLETED, ERRORED = State(Phase.COMPLETED), State(Phase.ERRORED)
LAST_ITEM = State(Phase.ERRORED, buffered=1)
CANCELLED = State(Phase.CANCELLED)
UNAVAILABLE, SAID_CANCELLED = (Effect.RAISE_UNAVAILABLE,), (Effect.RAISE_CANCELLED,)

# The table of seeds 1.2 with the dialects' defaults, cell by cell.
CELLS = [
    (OPEN, Call.SEND, Phase.OPEN, (Effect.ACCEPT,)),
    (FULL, Call.SEND, Phase.OPEN, (Effect.PARK_SENDER,)),
    (DRAINING, Call.SEND, Phase.DRAINING, UNAVAILABLE),
    (COMPLETED, Call.SEND, Phase.COMPLETED, UNAVAILABLE),
    (ERRORED, Call.SEND, Phase.ERRORED, UNAVAILABLE),
    (CANCELLED, Call.SEND, Phase.CANCELLED, SAID_CANCELLED),
    (OPEN, Call.COMPLETE, Phase.DRAINING, ()),
    (State(), Call.COMPLETE, Phase.COMPLETED, (Effect.CLEAN_UP,)),
    (DRAINING, Call.COMPLETE, Phase.DRAINING, UNAVAILABLE),
    (COMPLETED, Call.COMPLETE, Phase.COMPLETED, UNAVAILABLE),
    (ERRORED, Call.COMPLETE, Phase.ERRORED, UNAVAILABLE),
    (CANCELLED, Call.COMPLETE, Phase.CANCELLED, ()),
    (OPEN, Call.ERROR, Phase.ERRORED, (Effect.KEEP_ERROR, Effect.CLEAN_UP)),
    (DRAINING, Call.ERROR, Phase.DRAINING, UNAVAILABLE),
    (COMPLETED, Call.ERROR, Phase.COMPLETED, UNAVAILABLE),
    (ERRORED, Call.ERROR, Phase.ERRORED, UNAVAILABLE),
    (CANCELLED, Call.ERROR, Phase.CANCELLED, ()),
    (OPEN, Call.CANCEL, Phase.CANCELLED, (Effect.DISCARD_BUFFER, Effect.CLEAN_UP)),
    (DRAINING, Call.CANCEL, Phase.CANCELLED, (Effect.DISCARD_BUFFER, Effect.CLEAN_UP)),
    (COMPLETED, Call.CANCEL, Phase.COMPLETED, ()),
    (ERRORED, Call.CANCEL, Phase.ERRORED, ()),
    (LAST_ITEM, Call.CANCEL, Phase.ERRORED, (Effect.DISCARD_BUFFER,)),
    (CANCELLED, Call.CANCEL, Phase.CANCELLED, ()),
    (OPEN, Call.RECEIVE, Phase.OPEN, (Effect.GIVE,)),
    (State(), Call.RECEIVE, Phase.OPEN, (Effect.PARK_RECEIVER,)),
    (DRAINING, Call.RECEIVE, Phase.DRAINING, (Effect.GIVE,)),
    (State(Phase.DRAINING, buffered=1), Call.RECEIVE, Phase.COMPLETED, (Effect.GIVE, Effect.CLEAN_UP)),
    (COMPLETED, Call.RECEIVE, Phase.COMPLETED, (Effect.GIVE_END,)),
    (LAST_ITEM, Call.RECEIVE, Phase.ERRORED, (Effect.GIVE,)),
    (ERRORED, Call.RECEIVE, Phase.ERRORED, (Effect.GIVE_ERROR,)),
    (CANCELLED, Call.RECEIVE, Phase.CANCELLED, SAID_CANCELLED),
]


@pytest.mark.parametrize(("state", "call", "phase", "effects"), CELLS)
def test_a_call_in_a_state_does_what_the_table_says(
    state: State, call: Call, phase: Phase, effects: tuple[Effect, ...]
) -> None:
    after, done = step(state, call)
    assert (after.phase, done) == (phase, effects)


def test_every_cell_of_the_table_is_pinned() -> None:
    assert {(state.phase, call) for state, call, _, _ in CELLS} == set(itertools.product(Phase, CALLS))


def test_one_receive_releases_one_send() -> None:
    after, effects = step(State(capacity=1, buffered=1, senders=3), Call.RECEIVE)
    assert effects == (Effect.GIVE, Effect.RELEASE_SENDER)
    assert (after.buffered, after.senders) == (1, 2)


def test_a_rendezvous_accepts_only_what_is_received() -> None:
    parked, effects = step(State(capacity=0, receivers=1), Call.SEND)
    assert effects == (Effect.PARK_SENDER, Effect.WAKE_RECEIVERS)
    after, effects = step(parked, Call.RECEIVE)
    assert effects == (Effect.RELEASE_SENDER, Effect.GIVE)
    assert after == State(capacity=0)


def test_complete_lets_parked_senders_finish_and_error_does_not() -> None:
    full = State(capacity=1, buffered=1, senders=2)
    assert step(full, Call.COMPLETE) == (State(Phase.DRAINING, 1, 1, 2), ())
    after, effects = step(full, Call.ERROR)
    assert Effect.FAIL_SENDERS in effects
    assert (after.buffered, after.senders) == (1, 0)


def test_a_cancel_wakes_everyone_and_keeps_nothing() -> None:
    after, effects = step(State(capacity=1, buffered=1, senders=2), Call.CANCEL)
    assert effects == (Effect.DISCARD_BUFFER, Effect.CANCEL_SENDERS, Effect.CLEAN_UP)
    assert after == State(Phase.CANCELLED, capacity=1)
    _, effects = step(State(receivers=2), Call.CANCEL)
    assert effects == (Effect.WAKE_RECEIVERS, Effect.CLEAN_UP)


def test_a_negative_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        State(capacity=-1)


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_items_leave_in_the_order_they_came_whatever_is_called(capacity: int) -> None:
    for calls in itertools.product(CALLS, repeat=6):
        given, endings = _obeyed(State(capacity=capacity), calls)
        assert given == sorted(set(given)), calls
        assert endings <= 1, calls


def _obeyed(state: State, calls: tuple[Call, ...]) -> tuple[list[int], int]:
    """What a shell that does nothing but obey would give out, and how many endings were accepted."""
    buffer: deque[int] = deque()
    parked: deque[int] = deque()
    given: list[int] = []
    endings = 0
    for number, call in enumerate(calls):
        before = state.phase
        state, effects = step(state, call)
        endings += call in {Call.COMPLETE, Call.ERROR} and state.phase is not before
        for effect in effects:
            match effect:
                case Effect.ACCEPT:
                    buffer.append(number)
                case Effect.PARK_SENDER:
                    parked.append(number)
                case Effect.RELEASE_SENDER:
                    buffer.append(parked.popleft())
                case Effect.GIVE:
                    given.append(buffer.popleft())
                case Effect.DISCARD_BUFFER:
                    buffer.clear()
                case Effect.CANCEL_SENDERS | Effect.FAIL_SENDERS:
                    parked.clear()
                case _:
                    pass
        assert (len(buffer), len(parked)) == (state.buffered, state.senders)
    return given, endings
