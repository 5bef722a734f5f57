"""RL at its edges: what settles is no leak, and what somebody still holds is not the stream's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.rule import Rule
from streamspec.harness.core.script import OBJECT, Call, Script, Session
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    failed,
    played,
    refused,
    send,
    sends,
    takes,
    told,
    waiting,
)
from streamspec.harness.rules import resources

RuleOn = Callable[[str, History], Verdict]

RULES: tuple[Rule, ...] = tuple(value for value in vars(resources).values() if isinstance(value, Rule))
LIFE = (send(0, 1), done(1, "complete"))
LOST = (Settled(exact=False, late=("leaker",)),)


def batch(
    first: int, *later: int, cycles: int = 100, name: str = "threads", settled: Part = SETTLED
) -> tuple[Part, ...]:
    """A batch, what was measured right after it, and what once everything had settled."""
    again = tuple(told(cycles=0, **{name: n}) for n in later)
    return (told(cycles=cycles, **{name: first}), settled, *again)


def cycled(*parts: Part, kinds: tuple[str, ...] = ("complete",), life: tuple[Part, ...] = LIFE) -> History:
    h = played(*life, *parts)
    acts = tuple(Call("cycle", "leaker", n=100, arg=kind) for kind in kinds)
    return History(replace(h.header, script=Script((Session("object", OBJECT, acts),))), h.records)


GROWS = tuple(batch(n, n) for n in (1, 2, 3, 4))


def test_growth_in_every_batch_is_a_leak(rule_on: RuleOn) -> None:
    verdict = rule_on("RL-01", cycled(*GROWS))
    assert verdict.outcome == "FAIL"
    assert verdict.findings[0].got == "+1, +1, +1 threads in batches of 100"


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        # threads that were told to end, and had not when it was first measured
        (tuple(batch(20 * n, 1) for n in (1, 2, 3, 4)), "PASS"),
        (tuple(batch(20 * n, 9 * n, 1) for n in (1, 2, 3, 4)), "PASS"),
        # one batch without growth acquits
        (tuple(batch(n, n) for n in (1, 5, 5, 9, 12)), "PASS"),
        (tuple(batch(n, n) for n in (9, 5, 6, 7)), "PASS"),
        (tuple(batch(n, n) for n in (1, 2, 3, 4, 5)), "FAIL"),
        # less than one in a hundred
        (tuple(batch(n, n, cycles=101) for n in (1, 2, 3, 4)), "PASS"),
        # too little to see anything
        (tuple(batch(n, n) for n in (1, 2, 3)), "INCONCLUSIVE"),
        (tuple(batch(n, n, cycles=99) for n in (1, 2, 3, 4)), "INCONCLUSIVE"),
        (tuple(batch(n) for n in (1, 2, 3, 4)), "INCONCLUSIVE"),
        (tuple(batch(n, n, settled=()) for n in (1, 2, 3, 4)), "INCONCLUSIVE"),
        (tuple(batch(n, n, settled=LOST) for n in (1, 2, 3, 4)), "INCONCLUSIVE"),
        # somebody else was at work
        ((*GROWS[:2], send(9, 9), *GROWS[2:]), "INCONCLUSIVE"),
        ((send(9, 9), *GROWS), "FAIL"),
    ],
)
def test_what_settles_is_no_leak(rule_on: RuleOn, parts: tuple[Part, ...], outcome: str) -> None:
    assert rule_on("RL-01", cycled(*parts)).outcome == outcome


def test_several_kinds_of_cycles_in_one_session_say_nothing(rule_on: RuleOn) -> None:
    history = cycled(*GROWS, kinds=("complete", "error"))
    assert {rule_on(name, history).outcome for name in ("RL-01", "RL-02", "RL-03", "RL-06")} == {"INCONCLUSIVE"}


@pytest.mark.parametrize(
    ("kind", "name", "ending"),
    [
        ("complete", "RL-01", "complete"),
        ("error", "RL-02", "error"),
        ("cancel", "RL-03", "cancel"),
        ("deadline", "RL-06", "complete"),
    ],
)
def test_each_kind_has_its_rule_and_needs_a_life_that_works(rule_on: RuleOn, kind: str, name: str, ending: str) -> None:
    life = (send(0, 1), done(1, ending))
    assert rule_on(name, cycled(*GROWS, kinds=(kind,), life=life)).outcome == "FAIL"
    refusing = (failed(0, "send"), done(1, ending))
    assert rule_on(name, cycled(*GROWS, kinds=(kind,), life=refusing)).outcome == "INCONCLUSIVE"
    assert rule_on(name, cycled(*GROWS, kinds=(kind,), life=life[:1])).outcome == "INCONCLUSIVE"


def test_the_figure_that_grows_is_named(rule_on: RuleOn) -> None:
    both = tuple(
        (told(cycles=100, objects=1, timers=n), SETTLED, told(cycles=0, objects=1, timers=n)) for n in (1, 3, 5, 7)
    )
    assert rule_on("RL-01", cycled(*both)).findings[0].got == "+2, +2, +2 timers in batches of 100"


# -- RL-07 ------------------------------------------------------------------------------------------------------------

FULL = (sends(0, 1, 8), takes(8, 0, 1, 2), done(10, "cancel", "consumer"))
QUIET = Settled(exact=False)


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((*FULL, SETTLED, told(items_alive=0)), "PASS"),
        ((*FULL, SETTLED, told(items_alive=1)), "WARN"),
        # with threads each caller may still hold what it had last
        ((*FULL, QUIET, told(items_alive=2)), "PASS"),
        ((*FULL, QUIET, told(items_alive=3)), "WARN"),
        # the exception that two sends were refused with holds them both
        ((*FULL, failed(11, "send"), failed(12, "send"), SETTLED, told(items_alive=2)), "PASS"),
        ((*FULL, failed(11, "send"), failed(12, "send"), SETTLED, told(items_alive=3)), "WARN"),
        # there was nothing to forget
        ((sends(0, 1, 2), takes(2, 0, 1, 2), done(4, "cancel"), SETTLED, told(items_alive=0)), "INCONCLUSIVE"),
        ((sends(0, 1, 2), begun(2, "iterate"), back(2, "break"), done(4, "cancel"), SETTLED, told(items_alive=0)),
         "INCONCLUSIVE"),
        # not yet: a call was open, nothing had settled, or no cancel had come back
        ((*FULL, waiting(11, 9), SETTLED, told(items_alive=8)), "INCONCLUSIVE"),
        ((*FULL, told(items_alive=8)), "INCONCLUSIVE"),
        ((sends(0, 1, 8), begun(8, "cancel"), SETTLED, told(items_alive=8)), "INCONCLUSIVE"),
        ((sends(0, 1, 8), SETTLED, told(items_alive=8), done(8, "cancel"), SETTLED), "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_what_is_still_held_after_a_cancel(rule_on: RuleOn, parts: tuple[Part, ...], outcome: str) -> None:
    assert rule_on("RL-07", played(*parts)).outcome == outcome


def test_how_many_are_held_is_said(rule_on: RuleOn) -> None:
    (finding,) = rule_on("RL-07", played(*FULL, SETTLED, told(items_alive=6))).findings
    assert finding.got == "6 items are still referenced, 6 had been accepted and not received"


NUMBER = st.integers(-1, 300)
EVENT: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda cycles, n: told(cycles=cycles, tasks=n), st.sampled_from([0, 100, 200]), NUMBER),
    st.builds(lambda n: told(items_alive=n), NUMBER),
    st.builds(begun, st.integers(0, 5), st.sampled_from(["send", "receive", "cancel", "complete"])),
    st.builds(back, st.integers(0, 5)),
    st.builds(refused, st.integers(0, 5)),
    st.builds(Settled, st.booleans(), st.sampled_from([(), ("leaker",)])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENT, max_size=20), st.sampled_from(["complete", "cancel", "deadline", "?"]))
def test_whatever_was_seen_is_judged_without_a_crash(events: list[Any], kind: str) -> None:
    history = cycled(*events, kinds=(kind,))
    verdicts = judge(history, RULES, [rule.id for rule in RULES])
    assert [verdict.reason for verdict in verdicts if verdict.outcome == "ERROR"] == []
