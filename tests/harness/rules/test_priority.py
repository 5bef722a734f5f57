"""MX-05 and MX-06 at their edges: who was ready for certain, and whose turn it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.rule import Rule
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    played,
    refused,
    send,
    sends,
    waiting,
)
from streamspec.harness.rules import priority

RuleOn = Callable[[str, History], Verdict]

RULES: tuple[Rule, ...] = tuple(value for value in vars(priority).values() if isinstance(value, Rule))
MADE = done(0, "schedule", "taker", "low:1 mid:5 high:9")
FILLED = (MADE, sends(1, 1, 3, "low"), sends(4, 1, 3, "mid"), sends(7, 1, 3, "high"), SETTLED)


def taken(call: int, name: str, seq: int, by: str = "taker") -> tuple[Part, ...]:
    return done(call, "take", by, value=f"{name}:{seq}")


def seen(*parts: Part, bound: int | None = None, **options: int) -> History:
    declared: dict[str, str | int | bool] = {"feature.priority": True}
    if bound is not None:
        declared |= {"feature.starvation-bound": True, "object.starvation_bound": bound}
    return played(*parts, declared=declared, options=options)


def in_turn(*names: str) -> tuple[Part, ...]:
    """Takes that were served from these lanes, with everything settled before each."""
    counted = {"low": 0, "mid": 0, "high": 0}
    parts: list[Part] = []
    for call, name in enumerate(names, 20):
        counted[name] += 1
        parts += [taken(call, name, counted[name]), SETTLED]
    return tuple(parts)


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        (("high", "high", "high", "mid", "mid", "mid", "low"), "PASS"),
        (("low",), "WARN"),
        (("mid",), "WARN"),
        (("high", "low"), "WARN"),
        (("high", "high", "low"), "PASS"),  # patience rewarded, though nobody declared how much it takes
        (("high", "high", "low", "low"), "WARN"),
        (("high", "high", "low", "high", "low"), "WARN"),
    ],
)
def test_the_higher_goes_first_but_for_the_patient(rule_on: RuleOn, names: tuple[str, ...], outcome: str) -> None:
    assert rule_on("MX-05", seen(FILLED, in_turn(*names))).outcome == outcome


def test_what_should_have_come_is_said_with_its_priority(rule_on: RuleOn) -> None:
    (finding,) = rule_on("MX-05", seen(FILLED, taken(20, "low", 1))).findings
    assert finding.expected == "an item of high (priority 9), which was ready"
    assert finding.got == "low:1 (priority 1), passed over 0 times"


@pytest.mark.parametrize("bound", [0, 1])
def test_who_declares_that_all_take_turns_is_held_to_that(rule_on: RuleOn, bound: int) -> None:
    fair = in_turn("high", "low", "mid", "high", "low", "mid")
    assert rule_on("MX-05", seen(FILLED, fair, bound=bound)).outcome != "WARN"
    assert rule_on("MX-05", seen(FILLED, fair)).outcome == "WARN"


@pytest.mark.parametrize(
    "parts",
    [
        # the higher one's send has not come back, or its item is already taken
        (MADE, sends(1, 1, 2, "low"), waiting(3, 1, "high"), SETTLED, taken(20, "low", 1)),
        (MADE, sends(1, 1, 2, "low"), send(3, 1, "high"), SETTLED, taken(20, "high", 1), SETTLED, taken(21, "low", 1)),
        # nothing has settled: a scheduler that looks ahead may have had no time to
        (*FILLED[:-1], taken(20, "low", 1)),
        # the take had begun before anything was there
        (MADE, SETTLED, begun(20, "take", "taker"), sends(1, 1, 2, "high"), sends(3, 1, 2, "low"), back(20, "low:1")),
        # what was sent before there were lanes went to another stream
        (send(1, 1, "high"), done(0, "schedule", "taker", "low:1 high:9"), send(2, 1, "low"), SETTLED,
         taken(20, "low", 1)),
        # several takers: which of them came first?
        (FILLED, taken(20, "low", 1), taken(21, "high", 1, "other")),
        # made twice
        (FILLED, done(18, "schedule", "taker", "low:1 high:9"), SETTLED, taken(20, "low", 1)),
        # nobody told how they are called
        (done(0, "schedule", "taker", "?"), SETTLED, taken(20, "low", 1)),
    ],
)  # fmt: skip
def test_nobody_else_was_ready_for_certain(rule_on: RuleOn, parts: tuple[Part, ...]) -> None:
    assert rule_on("MX-05", seen(*parts)).outcome in {"PASS", "INCONCLUSIVE"}
    assert rule_on("MX-06", seen(*parts, bound=0)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("option", ["deadline_ms", "idle_ms"])
def test_lanes_with_limits_may_have_ended(rule_on: RuleOn, option: str) -> None:
    assert rule_on("MX-05", seen(FILLED, taken(20, "low", 1), **{option: 5})).outcome == "INCONCLUSIVE"


def test_equals_are_in_no_order(rule_on: RuleOn) -> None:
    equal = (done(0, "schedule", "taker", "a:5 b:5"), send(1, 1, "a"), send(2, 1, "b"), SETTLED, taken(20, "b", 1))
    assert rule_on("MX-05", seen(*equal)).outcome == "INCONCLUSIVE"


def test_what_does_not_know_priorities_is_not_asked(rule_on: RuleOn) -> None:
    assert rule_on("MX-05", played(FILLED, taken(20, "low", 1))).outcome == "INCONCLUSIVE"


# -- MX-06 -------------------------------------------------------------------------------------------------------------

TWO = (done(0, "schedule", "taker", "low:1 high:9"), send(1, 1, "low"), sends(2, 1, 9, "high"))


def highs(first: int, last: int) -> tuple[Part, ...]:
    return tuple(taken(20 + n, "high", n) for n in range(first, last + 1))


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((*TWO, highs(1, 4), taken(40, "low", 1)), "PASS"),
        ((*TWO, highs(1, 2), taken(40, "low", 1)), "PASS"),  # sooner is no worse
        ((*TWO, highs(1, 4)), "INCONCLUSIVE"),
        ((*TWO, highs(1, 5)), "WARN"),
        ((*TWO, highs(1, 5), taken(40, "low", 1)), "WARN"),
        # with three of them one more may be starving, and go before
        ((FILLED, sends(10, 4, 9, "high"), highs(1, 4), taken(40, "mid", 1), taken(41, "low", 1)), "PASS"),
        ((FILLED, sends(10, 4, 9, "high"), highs(1, 6)), "WARN"),
        # it had nothing to give, or nobody knows
        ((TWO[0], sends(2, 1, 9, "high"), highs(1, 6)), "INCONCLUSIVE"),
        ((TWO[0], waiting(1, 1, "low"), sends(2, 1, 9, "high"), highs(1, 6)), "INCONCLUSIVE"),
        # what came back without an item was nobody's turn
        ((*TWO, highs(1, 4), begun(40, "take", "taker"), refused(40, "CANCELLED"), highs(5, 9)), "INCONCLUSIVE"),
    ],
)
def test_nobody_waits_longer_than_the_declared_bound(rule_on: RuleOn, parts: tuple[Part, ...], outcome: str) -> None:
    assert rule_on("MX-06", seen(*parts, bound=4)).outcome == outcome


def test_without_a_declared_bound_nobody_promised_anything(rule_on: RuleOn) -> None:
    assert rule_on("MX-06", seen(*TWO, highs(1, 9))).outcome == "INCONCLUSIVE"


LANE = st.sampled_from(["low", "mid", "high", ""])
EVENT: st.SearchStrategy[Any] = st.one_of(
    st.builds(begun, st.integers(0, 5), st.sampled_from(["send", "take", "schedule"]), LANE, st.just("low:1 high:9 x")),
    st.builds(back, st.integers(0, 5), st.sampled_from(["low:1", "high:2", "end", ""])),
    st.builds(refused, st.integers(0, 5)),
    st.just(Settled()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENT, max_size=20), st.integers(-1, 9))
def test_whatever_was_seen_is_judged_without_a_crash(events: list[Any], bound: int) -> None:
    for history in (seen(MADE, *events, bound=bound), seen(*events)):
        verdicts = judge(history, RULES, [rule.id for rule in RULES])
        assert [verdict.reason for verdict in verdicts if verdict.outcome == "ERROR"] == []
