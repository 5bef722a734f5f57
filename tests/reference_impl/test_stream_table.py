"""The state table, cell by cell: what docs/stream.md says of every call in every phase, and of every dialect."""

from __future__ import annotations

import itertools

import pytest

from streamspec.reference_impl.stream import dialect as dialects
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.table import ENDED, Call, Effect, Phase, State, is_ready, may_give, step

OPEN, FULL = State(capacity=2, buffered=1), State(capacity=2, buffered=2)
DRAINING = State(Phase.DRAINING, capacity=2, buffered=2)
COMPLETED, ERRORED = State(Phase.COMPLETED), State(Phase.ERRORED)
LAST_ITEM = State(Phase.ERRORED, buffered=1)
CANCELLED, EXPIRED = State(Phase.CANCELLED), State(Phase.EXPIRED)
Effects = tuple[Effect, ...]

UNAVAILABLE, SAID_CANCELLED = (Effect.RAISE_UNAVAILABLE,), (Effect.RAISE_CANCELLED,)
CANCELS = (Effect.ANSWER_TRUE, Effect.KEEP_REASON, Effect.DISCARD_BUFFER, Effect.CLEAN_UP)
EXPIRES = CANCELS[1:]

CELLS: list[tuple[State, Call, Phase, Effects]] = [
    (OPEN, Call.SEND, Phase.OPEN, (Effect.ACCEPT,)),
    (FULL, Call.SEND, Phase.OPEN, (Effect.PARK_SENDER,)),
    (DRAINING, Call.SEND, Phase.DRAINING, UNAVAILABLE),
    (COMPLETED, Call.SEND, Phase.COMPLETED, UNAVAILABLE),
    (ERRORED, Call.SEND, Phase.ERRORED, UNAVAILABLE),
    (CANCELLED, Call.SEND, Phase.CANCELLED, SAID_CANCELLED),
    (EXPIRED, Call.SEND, Phase.EXPIRED, SAID_CANCELLED),
    (OPEN, Call.COMPLETE, Phase.DRAINING, ()),
    (State(), Call.COMPLETE, Phase.COMPLETED, (Effect.CLEAN_UP,)),
    (DRAINING, Call.COMPLETE, Phase.DRAINING, UNAVAILABLE),
    (COMPLETED, Call.COMPLETE, Phase.COMPLETED, UNAVAILABLE),
    (ERRORED, Call.COMPLETE, Phase.ERRORED, UNAVAILABLE),
    (CANCELLED, Call.COMPLETE, Phase.CANCELLED, ()),
    (EXPIRED, Call.COMPLETE, Phase.EXPIRED, ()),
    (OPEN, Call.ERROR, Phase.ERRORED, (Effect.KEEP_ERROR, Effect.CLEAN_UP)),
    (DRAINING, Call.ERROR, Phase.DRAINING, UNAVAILABLE),
    (COMPLETED, Call.ERROR, Phase.COMPLETED, UNAVAILABLE),
    (ERRORED, Call.ERROR, Phase.ERRORED, UNAVAILABLE),
    (CANCELLED, Call.ERROR, Phase.CANCELLED, ()),
    (EXPIRED, Call.ERROR, Phase.EXPIRED, ()),
    (OPEN, Call.CANCEL, Phase.CANCELLED, CANCELS),
    (DRAINING, Call.CANCEL, Phase.CANCELLED, CANCELS),
    (COMPLETED, Call.CANCEL, Phase.COMPLETED, ()),
    (ERRORED, Call.CANCEL, Phase.ERRORED, ()),
    (LAST_ITEM, Call.CANCEL, Phase.ERRORED, (Effect.DISCARD_BUFFER,)),
    (CANCELLED, Call.CANCEL, Phase.CANCELLED, ()),
    (EXPIRED, Call.CANCEL, Phase.EXPIRED, ()),
    (OPEN, Call.EXPIRE, Phase.EXPIRED, EXPIRES),
    (DRAINING, Call.EXPIRE, Phase.EXPIRED, EXPIRES),
    (COMPLETED, Call.EXPIRE, Phase.COMPLETED, ()),
    (LAST_ITEM, Call.EXPIRE, Phase.ERRORED, ()),
    (CANCELLED, Call.EXPIRE, Phase.CANCELLED, ()),
    (EXPIRED, Call.EXPIRE, Phase.EXPIRED, ()),
    (OPEN, Call.RECEIVE, Phase.OPEN, (Effect.GIVE,)),
    (State(), Call.RECEIVE, Phase.OPEN, (Effect.PARK_RECEIVER,)),
    (DRAINING, Call.RECEIVE, Phase.DRAINING, (Effect.GIVE,)),
    (State(Phase.DRAINING, buffered=1), Call.RECEIVE, Phase.COMPLETED, (Effect.GIVE, Effect.CLEAN_UP)),
    (COMPLETED, Call.RECEIVE, Phase.COMPLETED, (Effect.GIVE_END,)),
    (LAST_ITEM, Call.RECEIVE, Phase.ERRORED, (Effect.GIVE,)),
    (ERRORED, Call.RECEIVE, Phase.ERRORED, (Effect.GIVE_ERROR,)),
    (CANCELLED, Call.RECEIVE, Phase.CANCELLED, SAID_CANCELLED),
    (EXPIRED, Call.RECEIVE, Phase.EXPIRED, (Effect.RAISE_TIMED_OUT,)),
]
DOCUMENTED = (Call.SEND, Call.COMPLETE, Call.ERROR, Call.CANCEL, Call.EXPIRE, Call.RECEIVE)


@pytest.mark.parametrize(("state", "call", "phase", "effects"), CELLS)
def test_a_call_in_a_state_does_what_the_table_says(state: State, call: Call, phase: Phase, effects: Effects) -> None:
    after, done = step(state, call)
    assert (after.phase, done) == (phase, effects)


def test_every_cell_of_the_documented_table_is_pinned() -> None:
    assert {(state.phase, call) for state, call, _, _ in CELLS} == set(itertools.product(Phase, DOCUMENTED))


def test_one_receive_releases_one_send() -> None:
    after, effects = step(State(capacity=1, buffered=1, senders=3), Call.RECEIVE)
    assert effects == (Effect.GIVE, Effect.RELEASE_SENDER)
    assert (after.buffered, after.senders) == (1, 2)


def test_a_send_is_handed_over_to_the_receiver_that_waits() -> None:
    for capacity in (0, 1):
        after, effects = step(State(capacity=capacity, receivers=2), Call.SEND)
        assert effects == (Effect.ACCEPT, Effect.HAND_OVER)
        assert after == State(capacity=capacity, receivers=1)


def test_a_rendezvous_accepts_only_what_is_received() -> None:
    parked, effects = step(State(capacity=0), Call.SEND)
    assert effects == (Effect.PARK_SENDER,)
    after, effects = step(parked, Call.RECEIVE)
    assert effects == (Effect.RELEASE_SENDER, Effect.GIVE)
    assert after == State(capacity=0)


def test_complete_lets_parked_senders_finish_and_error_does_not() -> None:
    full = State(capacity=1, buffered=1, senders=2)
    assert step(full, Call.COMPLETE) == (State(Phase.DRAINING, 1, 1, 2), ())
    after, effects = step(full, Call.ERROR)
    assert effects == (Effect.KEEP_ERROR, Effect.CLEAN_UP, Effect.FAIL_SENDERS)
    assert (after.buffered, after.senders) == (1, 0)


def test_a_cancel_turns_everyone_away_and_keeps_nothing() -> None:
    after, effects = step(State(capacity=1, buffered=1, senders=2), Call.CANCEL)
    assert effects == (*CANCELS, Effect.CANCEL_SENDERS)
    assert after == State(Phase.CANCELLED, capacity=1)
    _, effects = step(State(receivers=2), Call.CANCEL)
    assert effects[-2:] == (Effect.CLEAN_UP, Effect.CANCEL_RECEIVERS)


def test_a_deadline_is_a_cancel_to_senders_and_a_timeout_to_receivers() -> None:
    _, effects = step(State(capacity=1, buffered=1, senders=2, receivers=1, paused=True), Call.EXPIRE)
    assert effects == (*EXPIRES, Effect.CANCEL_SENDERS, Effect.EXPIRE_RECEIVERS)


@pytest.mark.parametrize(("end", "told"), [(Call.COMPLETE, Effect.END_RECEIVERS), (Call.ERROR, Effect.FAIL_RECEIVERS)])
def test_an_ending_reaches_the_receivers_that_wait(end: Call, told: Effect) -> None:
    after, effects = step(State(receivers=2), end)
    assert effects[-2:] == (Effect.CLEAN_UP, told)
    assert after.receivers == 0


def test_the_last_parked_send_withdrawn_completes_a_draining_stream() -> None:
    waiting = State(Phase.DRAINING, capacity=0, senders=1, receivers=1, paused=True)
    after, effects = step(waiting, Call.ABANDON_SEND)
    assert effects == (Effect.CLEAN_UP, Effect.END_RECEIVERS)
    assert after.phase is Phase.COMPLETED


def test_a_paused_stream_accepts_up_to_its_capacity_and_gives_nothing() -> None:
    paused, _ = step(State(capacity=1, receivers=1), Call.PAUSE)
    one, effects = step(paused, Call.SEND)
    assert effects == (Effect.ACCEPT,)
    full, effects = step(one, Call.SEND)
    assert effects == (Effect.PARK_SENDER,)
    assert step(full, Call.POLL) == (full, (Effect.GIVE_EMPTY,))
    waiting, effects = step(full, Call.RECEIVE)
    assert effects == (Effect.PARK_RECEIVER,)
    after, effects = step(waiting, Call.RESUME)
    assert effects == (Effect.HAND_OVER, Effect.RELEASE_SENDER, Effect.HAND_OVER)
    assert after == State(capacity=1)


@pytest.mark.parametrize("end", [Call.COMPLETE, Call.ERROR])
def test_a_pause_holds_an_ending_back_only_behind_an_item(end: Call) -> None:
    behind, _ = step(State(buffered=1, receivers=1, paused=True), end)
    assert behind.receivers == 1
    assert not is_ready(behind)
    at_once, _ = step(State(receivers=1, paused=True), end)
    assert at_once.receivers == 0
    assert is_ready(at_once)


def test_a_resume_serves_receivers_first_the_items_and_then_the_ending() -> None:
    held = State(Phase.DRAINING, capacity=1, buffered=1, receivers=2, paused=True)
    after, effects = step(held, Call.RESUME)
    assert effects == (Effect.HAND_OVER, Effect.CLEAN_UP, Effect.END_RECEIVERS)
    assert after == State(Phase.COMPLETED, capacity=1)
    held = State(Phase.ERRORED, capacity=1, buffered=1, receivers=2, paused=True)
    assert step(held, Call.RESUME)[1] == (Effect.HAND_OVER, Effect.FAIL_RECEIVERS)


def test_what_is_given_back_may_exceed_the_capacity_and_releases_nobody() -> None:
    excess, effects = step(State(capacity=1, buffered=1, senders=1), Call.GIVE_BACK)
    assert effects == (Effect.PUT_BACK,)
    assert excess.buffered == 2
    full, effects = step(excess, Call.RECEIVE)
    assert effects == (Effect.GIVE,)
    assert (full.buffered, full.senders) == (1, 1)


def test_what_is_given_back_goes_to_the_next_receiver_that_waits() -> None:
    assert step(State(receivers=1), Call.GIVE_BACK) == (State(), (Effect.PUT_BACK, Effect.HAND_OVER))


def test_what_is_given_back_to_a_completed_stream_can_still_be_received() -> None:
    after, _ = step(COMPLETED, Call.GIVE_BACK)
    assert (after.phase, after.buffered) == (Phase.COMPLETED, 1)
    assert step(after, Call.RECEIVE) == (COMPLETED, (Effect.GIVE,))
    assert step(after, Call.CANCEL) == (COMPLETED, (Effect.DISCARD_BUFFER,))


@pytest.mark.parametrize("ended", [CANCELLED, EXPIRED])
def test_what_is_given_back_after_a_cancel_is_discarded(ended: State) -> None:
    assert step(ended, Call.GIVE_BACK) == (ended, (Effect.PUT_BACK, Effect.DISCARD_BUFFER))


@pytest.mark.parametrize("capacity", [-1, -100])
def test_a_negative_capacity_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        State(capacity=capacity)


# Every switch of every dialect in every phase where it says something: the state, the call, what happens.
SWITCHED: list[tuple[Dialect, State, Call, State, Effects]] = [
    *((Dialect(complete_twice="ignore"), s, Call.COMPLETE, s, ()) for s in (DRAINING, COMPLETED, ERRORED)),
    *(
        (Dialect(send_after_end="INTERNAL"), s, Call.SEND, s, (Effect.RAISE_INTERNAL,))
        for s in (DRAINING, COMPLETED, ERRORED)
    ),
    *((Dialect(send_after_cancel="UNAVAILABLE"), s, Call.SEND, s, UNAVAILABLE) for s in (CANCELLED, EXPIRED)),
    *(
        (Dialect(end_after_cancel="refuse"), s, call, s, SAID_CANCELLED)
        for s in (CANCELLED, EXPIRED)
        for call in (Call.COMPLETE, Call.ERROR)
    ),
    *((Dialect(error_after_complete="ignore"), s, Call.ERROR, s, ()) for s in (DRAINING, COMPLETED, ERRORED)),
    *((Dialect(error_after_complete="override"), s, Call.ERROR, s, ()) for s in (COMPLETED, ERRORED)),
    (
        Dialect(error_after_complete="override"),
        State(Phase.DRAINING, capacity=1, buffered=1, senders=1),
        Call.ERROR,
        State(Phase.ERRORED, capacity=1, buffered=1),
        (Effect.KEEP_ERROR, Effect.CLEAN_UP, Effect.FAIL_SENDERS),
    ),
    *(
        (Dialect(cancel_twice=False), s, Call.CANCEL, s, (Effect.ANSWER_FALSE,))
        for s in (COMPLETED, ERRORED, CANCELLED, EXPIRED)
    ),
    (
        Dialect(buffered_after_error="discard"),
        State(capacity=2, buffered=2, receivers=1, paused=True),
        Call.ERROR,
        State(Phase.ERRORED, capacity=2, paused=True),
        (Effect.KEEP_ERROR, Effect.DISCARD_BUFFER, Effect.CLEAN_UP, Effect.FAIL_RECEIVERS),
    ),
    (
        Dialect(buffered_after_error="discard"),
        ERRORED,
        Call.GIVE_BACK,
        ERRORED,
        (Effect.PUT_BACK, Effect.DISCARD_BUFFER),
    ),
]


@pytest.mark.parametrize(("dialect", "state", "call", "after", "effects"), SWITCHED)
def test_a_switch_changes_what_it_names(
    dialect: Dialect, state: State, call: Call, after: State, effects: Effects
) -> None:
    assert step(state, call, dialect) == (after, effects)
    assert step(state, call, DEFAULT) != (after, effects)


def test_a_closed_consumer_is_told_the_end_once() -> None:
    dialect = Dialect(receive_after_end="refuse")
    told, effects = step(COMPLETED, Call.RECEIVE, dialect)
    assert effects == (Effect.GIVE_END,)
    assert step(told, Call.RECEIVE, dialect) == (told, UNAVAILABLE)
    told, effects = step(State(receivers=2), Call.COMPLETE, dialect)
    assert effects == (Effect.CLEAN_UP, Effect.END_RECEIVERS)
    assert step(told, Call.POLL, dialect) == (told, UNAVAILABLE)


def _answers(dialect: Dialect) -> tuple[str, ...]:
    """What a producer and a consumer see of a dialect: the illegal calls of seeds 1.2 (D1 to D7), one word each."""
    asked = (
        (COMPLETED, Call.COMPLETE), (COMPLETED, Call.SEND), (CANCELLED, Call.SEND), (CANCELLED, Call.COMPLETE),
        (COMPLETED, Call.ERROR), (DRAINING, Call.ERROR), (CANCELLED, Call.CANCEL), (OPEN, Call.ERROR),
    )  # fmt: skip
    results = [step(state, call, dialect) for state, call in asked]
    words = ["kept error" if Effect.KEEP_ERROR in done else done[0].name if done else "-" for _, done in results]
    return (*words, f"{results[-1][0].buffered} left")


REFUSED, IGNORED, ENDS = "RAISE_UNAVAILABLE", "-", "kept error"


@pytest.mark.parametrize(
    ("preset", "answers"),
    [
        ("DEFAULT", (REFUSED, REFUSED, "RAISE_CANCELLED", IGNORED, REFUSED, REFUSED, IGNORED, ENDS, "1 left")),
        ("OPENSEARCH_LATE", (REFUSED, REFUSED, "RAISE_CANCELLED", IGNORED, REFUSED, REFUSED, IGNORED, ENDS, "1 left")),
        ("OPENSEARCH_EARLY", (IGNORED, REFUSED, "RAISE_CANCELLED", IGNORED, IGNORED, IGNORED, IGNORED, ENDS, "1 left")),
        ("FLIGHT_CHANNEL", (IGNORED, REFUSED, "RAISE_CANCELLED", IGNORED, IGNORED, IGNORED, IGNORED, ENDS, "1 left")),
        ("RAFFEL", (IGNORED, REFUSED, REFUSED, IGNORED, IGNORED, ENDS, IGNORED, ENDS, "0 left")),
        ("GRPC_AIO", (REFUSED, REFUSED, "RAISE_CANCELLED", IGNORED, REFUSED, REFUSED, "ANSWER_FALSE", ENDS, "1 left")),
    ],
)
def test_a_preset_answers_as_its_source_does(preset: str, answers: tuple[str, ...]) -> None:
    assert _answers(getattr(dialects, preset)) == answers


def test_readiness_is_what_a_poll_would_find() -> None:
    assert [is_ready(state) for state in (State(), OPEN, State(buffered=1, paused=True), ERRORED)] == [
        False, True, False, True,
    ]  # fmt: skip
    assert [may_give(state) for state in (State(), OPEN, State(capacity=0, senders=1), ERRORED)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_four_phases_are_endings() -> None:
    assert set(Phase) - ENDED == {Phase.OPEN, Phase.DRAINING}
