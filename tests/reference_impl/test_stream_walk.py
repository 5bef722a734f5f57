"""Every call in every state the table can reach, in every dialect; and every short history of numbered items.

The first walk checks counts: up to three parked senders and two parked receivers, capacities 0 to 2, paused or not, and
two items given back beyond the capacity. The second obeys with a `Holder` and follows each item by its number.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from dataclasses import fields, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest

from streamspec.reference_impl.stream import dialect as dialects
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.holder import GOOD, Accepted, Holder, Ticket
from streamspec.reference_impl.stream.table import ENDED, GIVEN_UP, Call, Effect, Phase, State, is_ready, may_give, step

if TYPE_CHECKING:
    from collections.abc import Iterator

Effects = tuple[Effect, ...]

MOST_SENDERS, MOST_RECEIVERS, MOST_EXCESS = 3, 2, 2
CAPACITIES = (0, 1, 2)

PRESETS = ("DEFAULT", "OPENSEARCH_LATE", "OPENSEARCH_EARLY", "FLIGHT_CHANNEL", "RAFFEL", "GRPC_AIO")


def _values(name: str) -> Iterator[object]:
    """Every value that a switch can have, read off its type."""
    for option in get_args(get_type_hints(Dialect)[name]):
        yield from get_args(option) or ((None,) if option is type(None) else (option,))


def _switched() -> Iterator[tuple[str, Dialect]]:
    for switch in fields(Dialect):
        for value in _values(switch.name):
            changed: dict[str, Any] = {switch.name: value}
            if value != switch.default:
                yield f"{switch.name}={value}", replace(DEFAULT, **changed)


DIALECTS = {**{name: getattr(dialects, name) for name in PRESETS}, **dict(_switched())}

Transition = tuple[State, Call, State, Effects]


def _possible(state: State) -> list[Call]:
    impossible = set()
    if not state.senders:
        impossible.add(Call.ABANDON_SEND)
    if not state.receivers:
        impossible.add(Call.ABANDON_RECEIVE)
    if state.buffered >= state.capacity + MOST_EXCESS:
        impossible.add(Call.GIVE_BACK)  # more receivers than there are would have to leave at once
    return [call for call in Call if call not in impossible]


def _walk(capacity: int, dialect: Dialect) -> tuple[set[State], list[Transition]]:
    """Breadth first from the new stream. Steps that park one more than allowed are taken and not followed."""
    seen = {State(capacity=capacity)}
    queue = deque(seen)
    transitions: list[Transition] = []
    while queue:
        state = queue.popleft()
        for call in _possible(state):
            after, effects = step(state, call, dialect)
            transitions.append((state, call, after, effects))
            if after not in seen and after.senders <= MOST_SENDERS and after.receivers <= MOST_RECEIVERS:
                seen.add(after)
                queue.append(after)
    return seen, transitions


def _the_bound_holds(before: State, call: Call, after: State, effects: Effects) -> bool:
    """Above the capacity by what was given back, and by nothing else."""
    return after.buffered <= max(after.capacity, before.buffered) or call is Call.GIVE_BACK


def _nothing_is_accepted_beyond_the_bound_in_passing(before: State, call: Call, after: State, effects: Effects) -> bool:
    """An item that enters a full buffer leaves it, or its head, with the very next effect; nothing comes of nothing."""
    buffered, senders, receivers = before.buffered, before.senders, before.receivers
    for effect, following in zip_longest(effects, effects[1:]):
        buffered += {Effect.ACCEPT: 1, Effect.RELEASE_SENDER: 1, Effect.PUT_BACK: 1}.get(effect, 0)
        buffered -= effect in {Effect.GIVE, Effect.HAND_OVER}
        senders -= effect is Effect.RELEASE_SENDER
        receivers -= effect is Effect.HAND_OVER
        over = effect in {Effect.ACCEPT, Effect.RELEASE_SENDER} and buffered > before.capacity
        if min(buffered, senders, receivers) < 0 or (over and following not in {Effect.GIVE, Effect.HAND_OVER}):
            return False
    return True


def _parked_senders_mean_a_full_buffer(before: State, call: Call, after: State, effects: Effects) -> bool:
    return not after.senders or (after.buffered >= after.capacity and after.phase in {Phase.OPEN, Phase.DRAINING})


def _parked_receivers_mean_that_a_poll_has_no_answer(before: State, call: Call, after: State, effects: Effects) -> bool:
    return not after.receivers or not is_ready(after)


def _draining_means_that_something_is_left(before: State, call: Call, after: State, effects: Effects) -> bool:
    return after.phase is not Phase.DRAINING or bool(after.buffered or after.senders)


def _endings_are_absorbing(before: State, call: Call, after: State, effects: Effects) -> bool:
    return before.phase not in ENDED or after.phase is before.phase


def _a_stream_cleans_up_on_the_step_into_an_ending_and_never_else(
    before: State, call: Call, after: State, effects: Effects
) -> bool:
    return effects.count(Effect.CLEAN_UP) == (before.phase not in ENDED and after.phase in ENDED)


def _a_stream_cleans_up_before_it_turns_anybody_away(before: State, call: Call, after: State, effects: Effects) -> bool:
    if Effect.CLEAN_UP not in effects:
        return True
    return not set(effects[: effects.index(Effect.CLEAN_UP)]) & (TO_SENDERS | TO_RECEIVERS)


def _a_stream_given_up_keeps_nothing_and_nobody(before: State, call: Call, after: State, effects: Effects) -> bool:
    return after.phase not in GIVEN_UP or after.buffered == after.senders == after.receivers == 0


def _a_cancel_ends_and_discards(before: State, call: Call, after: State, effects: Effects) -> bool:
    if call is not Call.CANCEL:
        return True
    ended = Phase.CANCELLED if before.phase not in ENDED else before.phase
    answered = (Effect.ANSWER_TRUE in effects) == (before.phase not in ENDED)
    return after.phase is ended and answered and after.buffered == after.senders == after.receivers == 0


def _one_ending_succeeds_once(before: State, call: Call, after: State, effects: Effects) -> bool:
    """A phase is left by an ending of an open stream, by a draining one's last item, override, cancel or deadline."""
    if after.phase is before.phase:
        return True
    allowed = {
        Phase.OPEN: {Call.COMPLETE, Call.ERROR, Call.CANCEL, Call.EXPIRE},
        Phase.DRAINING: {Call.RECEIVE, Call.POLL, Call.RESUME, Call.ABANDON_SEND}
        | {Call.ERROR, Call.CANCEL, Call.EXPIRE},
    }
    return call in allowed.get(before.phase, set())


def _the_counts_follow_the_effects(before: State, call: Call, after: State, effects: Effects) -> bool:
    count = Counter(effects)
    into = count[Effect.ACCEPT] + count[Effect.RELEASE_SENDER] + count[Effect.PUT_BACK]
    out = count[Effect.GIVE] + count[Effect.HAND_OVER]
    buffered = 0 if count[Effect.DISCARD_BUFFER] else before.buffered + into - out
    senders = before.senders - count[Effect.RELEASE_SENDER] - (call is Call.ABANDON_SEND) + count[Effect.PARK_SENDER]
    receivers = before.receivers - count[Effect.HAND_OVER] - (call is Call.ABANDON_RECEIVE)
    receivers += count[Effect.PARK_RECEIVER]
    return (after.buffered, after.senders, after.receivers, after.capacity) == (
        buffered,
        0 if TO_SENDERS & set(effects) else senders,
        0 if TO_RECEIVERS & set(effects) else receivers,
        before.capacity,
    )


def _a_refused_call_changes_nothing(before: State, call: Call, after: State, effects: Effects) -> bool:
    return not set(effects) & REFUSALS or (after == before and len(effects) == 1)


def _a_caller_is_answered_once(before: State, call: Call, after: State, effects: Effects) -> bool:
    """A send and a receive exactly once, a poll too and never by parking; nobody else gets an item."""
    answers = [effect for effect in effects if effect in ANSWERS_OF_SEND | ANSWERS_OF_RECEIVE | {Effect.GIVE_EMPTY}]
    match call:
        case Call.SEND:
            return len(answers) == 1 and set(answers) <= ANSWERS_OF_SEND
        case Call.RECEIVE:
            return len(answers) == 1 and set(answers) <= ANSWERS_OF_RECEIVE
        case Call.POLL:
            allowed = (ANSWERS_OF_RECEIVE - {Effect.PARK_RECEIVER}) | {Effect.GIVE_EMPTY}
            return len(answers) == 1 and set(answers) <= allowed
        case Call.COMPLETE | Call.ERROR:
            return set(answers) <= {Effect.RAISE_UNAVAILABLE, Effect.RAISE_CANCELLED}
        case _:
            return not answers


def _a_poll_finds_what_readiness_says(before: State, call: Call, after: State, effects: Effects) -> bool:
    if call is not Call.POLL:
        return True
    return (Effect.GIVE_EMPTY in effects) != is_ready(before) and (Effect.GIVE in effects) == may_give(before)


def _an_ending_is_told_in_its_phase_and_after_the_last_item(
    before: State, call: Call, after: State, effects: Effects
) -> bool:
    told = {
        Phase.COMPLETED: {Effect.GIVE_END, Effect.END_RECEIVERS},
        Phase.ERRORED: {Effect.GIVE_ERROR, Effect.FAIL_RECEIVERS, Effect.FAIL_SENDERS},
        Phase.CANCELLED: {Effect.RAISE_CANCELLED, Effect.CANCEL_RECEIVERS, Effect.CANCEL_SENDERS},
        Phase.EXPIRED: {Effect.RAISE_TIMED_OUT, Effect.EXPIRE_RECEIVERS, Effect.CANCEL_SENDERS, Effect.RAISE_CANCELLED},
    }
    endings = set(effects) & set().union(*told.values())
    nothing_left = not after.buffered or not endings - {Effect.FAIL_SENDERS}
    return endings <= told.get(after.phase, set()) and nothing_left


def _a_paused_stream_gives_nothing(before: State, call: Call, after: State, effects: Effects) -> bool:
    return not after.paused or not {Effect.GIVE, Effect.HAND_OVER} & set(effects)


def _only_pause_and_resume_change_the_pause(before: State, call: Call, after: State, effects: Effects) -> bool:
    return after.paused is {Call.PAUSE: True, Call.RESUME: False}.get(call, before.paused)


TO_SENDERS = {Effect.CANCEL_SENDERS, Effect.FAIL_SENDERS}
TO_RECEIVERS = {Effect.END_RECEIVERS, Effect.FAIL_RECEIVERS, Effect.CANCEL_RECEIVERS, Effect.EXPIRE_RECEIVERS}
REFUSALS = {Effect.RAISE_CANCELLED, Effect.RAISE_UNAVAILABLE, Effect.RAISE_INTERNAL, Effect.RAISE_TIMED_OUT}
ANSWERS_OF_SEND = (REFUSALS - {Effect.RAISE_TIMED_OUT}) | {Effect.ACCEPT, Effect.PARK_SENDER}
ANSWERS_OF_RECEIVE = (REFUSALS - {Effect.RAISE_INTERNAL}) | {
    Effect.GIVE, Effect.GIVE_END, Effect.GIVE_ERROR, Effect.PARK_RECEIVER,
}  # fmt: skip

INVARIANTS = (
    _the_bound_holds,
    _nothing_is_accepted_beyond_the_bound_in_passing,
    _parked_senders_mean_a_full_buffer,
    _parked_receivers_mean_that_a_poll_has_no_answer,
    _draining_means_that_something_is_left,
    _endings_are_absorbing,
    _a_stream_cleans_up_on_the_step_into_an_ending_and_never_else,
    _a_stream_cleans_up_before_it_turns_anybody_away,
    _a_stream_given_up_keeps_nothing_and_nobody,
    _a_cancel_ends_and_discards,
    _one_ending_succeeds_once,
    _the_counts_follow_the_effects,
    _a_refused_call_changes_nothing,
    _a_caller_is_answered_once,
    _a_poll_finds_what_readiness_says,
    _an_ending_is_told_in_its_phase_and_after_the_last_item,
    _a_paused_stream_gives_nothing,
    _only_pause_and_resume_change_the_pause,
)


@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("name", DIALECTS)
def test_no_call_in_any_state_breaks_an_invariant(name: str, capacity: int) -> None:
    states, transitions = _walk(capacity, DIALECTS[name])
    print(f"{name}, capacity {capacity}: {len(states)} states, {len(transitions)} transitions")  # noqa: T201 -- for -s
    broken = [
        (invariant.__name__, *transition)
        for transition in transitions
        for invariant in INVARIANTS
        if not invariant(*transition)
    ]
    assert broken == []
    assert {state.phase for state in states} == set(Phase)
    assert {call for _, call, _, _ in transitions} == set(Call)
    assert max(state.senders for state in states) == MOST_SENDERS
    assert max(state.receivers for state in states) == MOST_RECEIVERS


def test_the_default_table_has_the_states_it_had() -> None:
    """Any change of the table shows here, also one that breaks no invariant. Then look, and write the new numbers."""
    counts = [
        (len(states), len(transitions), sum(len(effects) for _, _, _, effects in transitions))
        for states, transitions in (_walk(capacity, DEFAULT) for capacity in CAPACITIES)
    ]
    assert counts == [(118, 1268, 1713), (134, 1436, 1929), (150, 1604, 2112)]


def test_every_effect_happens_in_some_dialect() -> None:
    happened = {
        effect
        for dialect in DIALECTS.values()
        for capacity in CAPACITIES
        for _, _, _, effects in _walk(capacity, dialect)[1]
        for effect in effects
    }
    assert happened == set(Effect)


@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("name", DIALECTS)
def test_from_every_state_the_consumer_can_get_everything_and_then_learns_of_the_ending(
    name: str, capacity: int
) -> None:
    dialect = DIALECTS[name]
    for found in _walk(capacity, dialect)[0]:
        state, effects = step(found, Call.RESUME, dialect)
        left = state.buffered + state.senders
        for _ in range(left):
            state, effects = step(state, Call.POLL, dialect)
            assert Effect.GIVE in effects, found
        asked = step(state, Call.POLL, dialect)[1]
        assert asked == _what_is_found_at_the_end(state), found


def _what_is_found_at_the_end(state: State) -> Effects:
    found = {
        Phase.OPEN: Effect.GIVE_EMPTY,
        Phase.COMPLETED: Effect.RAISE_UNAVAILABLE if state.end_told else Effect.GIVE_END,
        Phase.ERRORED: Effect.GIVE_ERROR,
        Phase.CANCELLED: Effect.RAISE_CANCELLED,
        Phase.EXPIRED: Effect.RAISE_TIMED_OUT,
    }
    return (found[state.phase],)


class _Told:
    """A signal that notes that it was set; nobody waits here."""

    def __init__(self) -> None:
        self.told = False

    def set(self) -> None:
        self.told = True

    def gone(self) -> bool:
        return False


class _History:
    """A stream's calls one after another, and where each numbered item is after them."""

    def __init__(self, capacity: int, dialect: Dialect) -> None:
        self.holder: Holder[int] = Holder(
            capacity,
            dialect,
            GOOD,
            lock=contextlib.nullcontext(),
            clock=lambda: 0.0,
            complain=lambda raised: None,
            when_ended=lambda: None,
        )
        self.cleanups: list[str] = []
        self.holder.on_end(lambda: self.cleanups.append("cleaned up"))
        self.senders: list[Ticket[int]] = []
        self.receivers: list[Ticket[int]] = []
        self.withdrawn: list[Ticket[int]] = []
        self.polled: list[int] = []
        self.in_order: list[int] = []
        self.discarded: list[int] = []
        self.some_came_back = False

    def can(self, call: Call) -> bool:
        concerned = {Call.ABANDON_SEND: self.parked(self.senders), Call.ABANDON_RECEIVE: self.parked(self.receivers)}
        return bool(concerned.get(call, self.handed_over() if call is Call.GIVE_BACK else "always"))

    def do(self, call: Call) -> None:
        before = self.buffered() + self.given()
        given = self.given()
        waiting = self.parked(self.receivers)
        with contextlib.suppress(StreamError):
            self._do(call)
        self.discarded += [item for item in before if item not in self.buffered() + self.given()]
        self.in_order += [item for item in self.given() if item not in given]
        self.some_came_back |= call is Call.GIVE_BACK
        served = [ticket for ticket in waiting if isinstance(ticket.given, Accepted)]
        assert served == waiting[: len(served)], "receivers are served in the order in which they came"

    def _do(self, call: Call) -> None:
        match call:
            case Call.SEND:
                self.senders.append(Ticket(len(self.senders), _Told()))
                self.holder.send(self.senders[-1])
            case Call.RECEIVE:
                self.receivers.append(Ticket(signal=_Told()))
                self.holder.receive(self.receivers[-1])
            case Call.POLL:
                if isinstance(item := self.holder.poll(), int):
                    self.polled.append(item)
            case Call.ERROR:
                self.holder.error(ValueError("broken"))
            case Call.CANCEL:
                self.holder.cancel("enough")
            case Call.ABANDON_SEND:
                self.withdrawn.append(self.parked(self.senders)[0])
                self.holder.abandon(self.withdrawn[-1])
            case Call.ABANDON_RECEIVE:
                self.holder.abandon(self.parked(self.receivers)[0])
            case Call.GIVE_BACK:
                self.holder.abandon(self.handed_over()[0])
            case _:
                {
                    Call.COMPLETE: self.holder.complete,
                    Call.EXPIRE: self.holder.expire,
                    Call.PAUSE: self.holder.pause,
                    Call.RESUME: self.holder.resume,
                }[call]()

    def check(self) -> None:
        state = self.holder.state
        accepted = [
            ticket.brings
            for ticket in self.senders
            if not ticket.parked and ticket.refusal is None and ticket not in self.withdrawn
        ]
        where = [*self.given(), *self.buffered(), *self.discarded]
        assert sorted(where) == accepted, "every accepted item is given, buffered or discarded, and once"
        assert self.buffered() == sorted(self.buffered())
        assert self.in_order == sorted(self.in_order) or self.some_came_back
        assert not self.discarded or state.phase in {Phase.CANCELLED, Phase.EXPIRED, Phase.ERRORED, Phase.COMPLETED}
        assert len(self.cleanups) == (state.phase in ENDED)
        counted = (len(self.buffered()), len(self.parked(self.senders)), len(self.parked(self.receivers)))
        assert counted == (state.buffered, state.senders, state.receivers)
        for ticket in (*self.senders, *self.receivers):
            assert isinstance(ticket.signal, _Told)
            assert ticket.signal.told == (ticket.waits and not ticket.parked), "told as soon as it is not parked"

    def buffered(self) -> list[int]:
        return [accepted.item for accepted in self.holder._buffer]

    def given(self) -> list[int]:
        return self.polled + [t.given.item for t in self.receivers if isinstance(t.given, Accepted)]

    def parked(self, tickets: list[Ticket[int]]) -> list[Ticket[int]]:
        return [ticket for ticket in tickets if ticket.parked]

    def handed_over(self) -> list[Ticket[int]]:
        """Receivers that had to wait and were given an item: they could be leaving without it."""
        return [ticket for ticket in self.receivers if ticket.waits and isinstance(ticket.given, Accepted)]


def _histories(
    capacity: int, dialect: Dialect, begun: tuple[Call, ...], more: int
) -> Iterator[tuple[tuple[Call, ...], _History]]:
    """Every history that begins like this and goes on for up to so many calls. One whose last call changed no count is
    not continued: what follows it also follows the shorter one."""
    unfinished = [begun]
    while unfinished:
        calls = unfinished.pop()
        history = _History(capacity, dialect)
        before = None
        for call in calls:
            before = history.holder.state
            history.do(call)
        yield calls, history
        if len(calls) < len(begun) + more and history.holder.state != before:
            unfinished += [(*calls, call) for call in Call if history.can(call)]


# How a history begins, and how many calls more it may have.
BEGUN: dict[str, tuple[tuple[Call, ...], int]] = {
    "new": ((), 5),
    "full": ((Call.SEND,) * 3, 4),
    "awaited": ((Call.RECEIVE,) * 2, 4),
}


@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("begun", BEGUN)
def test_every_short_history_conserves_its_items(begun: str, capacity: int) -> None:
    lengths: Counter[int] = Counter()
    start, more = BEGUN[begun]
    for calls, history in _histories(capacity, DEFAULT, start, more):
        history.check()
        lengths[len(calls)] += 1
    print(f"{begun}, capacity {capacity}: {lengths.total()} histories {dict(lengths)}")  # noqa: T201 -- for -s
    assert lengths[len(start) + more] > 1000


@pytest.mark.parametrize("name", ["RAFFEL", "receive_after_end=refuse"])
def test_every_short_history_conserves_its_items_in_other_dialects(name: str) -> None:
    lengths: Counter[int] = Counter()
    for calls, history in _histories(1, DIALECTS[name], (Call.SEND,), 4):
        history.check()
        lengths[len(calls)] += 1
    assert lengths[5] > 500
