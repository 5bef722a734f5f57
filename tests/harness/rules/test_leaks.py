"""RL on servers, at their edges: pools, late closers, other traffic, and what is no cycle at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Closed, Completed, Did, Ended, Event, Failed, Opened, Refused, Told
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.script import Ask, Read, Script
from streamspec.harness.core.written import ENDED, EOF, RESET, head
from streamspec.harness.rules import leaks, resources
from streamspec.harness.rules.leaks import BACK, CYCLES_LEAST, cycled

RuleOn = Callable[[str, History], Verdict]
KINDS: Final = {
    "RL-01": "completed",
    "RL-02": "failed",
    "RL-03": "were left",
    "RL-04": "were left abruptly",
    "RL-05": "were refused",
}
RULES: Final = (resources.RL_01, resources.RL_02, resources.RL_03, leaks.RL_04, leaks.RL_05)
GROWS: Final = (9, 30, 50, 70, 90)
LEFT: Final = KINDS["RL-04"]


def each(history: History, change: Callable[[Event], Event]) -> History:
    return History(history.header, tuple(replace(r, event=change(r.event)) for r in history.records))


@pytest.mark.parametrize("rule", KINDS)
def test_growth_in_every_batch_that_stays_is_a_leak(rule_on: RuleOn, rule: str) -> None:
    verdict = rule_on(rule, cycled(KINDS[rule], *GROWS))
    assert verdict.outcome == "FAIL"
    assert verdict.findings[0].got.startswith(f"+20, +20, +20 descriptors in batches of {CYCLES_LEAST} streams that")


@pytest.mark.parametrize("rule", KINDS)
@pytest.mark.parametrize("kind", KINDS.values())
def test_a_rule_counts_its_own_cycles_only(rule_on: RuleOn, rule: str, kind: str) -> None:
    outcome = "FAIL" if KINDS[rule] == kind else "INCONCLUSIVE"
    assert rule_on(rule, cycled(kind, *GROWS)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "figures"),
    [
        ("PASS", (9, 9, 9, 9, 9)),
        ("PASS", (9, 9, 9, 9, 9 + BACK)),
        ("INCONCLUSIVE", (9, 9, 9, 9, 10 + BACK)),
        ("PASS", (9, 20, 9, 20, 9)),
        ("FAIL", (9, 9, 12, 15, 18)),
        ("INCONCLUSIVE", (9, 15, 18, 20, 23)),
        ("INCONCLUSIVE", (9, 40, 60, 60, 60)),
        # too few batches
        ("INCONCLUSIVE", (9, 30, 50, 70)),
        ("FAIL", (9, 30, 50, 70, 90, 110)),
    ],
)
def test_one_batch_without_growth_is_no_leak(rule_on: RuleOn, outcome: str, figures: tuple[int, ...]) -> None:
    assert rule_on("RL-04", cycled(LEFT, *figures)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "settled"),
    [
        ("FAIL", (90,) * 6),
        # the last ones were about to close
        ("FAIL", (88, 88, 88, 88, 88, 88)),
        # all of it came back: late, or only some
        ("PASS", (90, 60, 9, 9, 9, 9)),
        ("PASS", (90, 90, 90, 90, 90, 9)),
        ("INCONCLUSIVE", (90, 90, 90, 90, 78, 78)),
        # others come and go
        ("INCONCLUSIVE", (90, 120, 95, 140, 99, 101)),
    ],
)
def test_what_comes_back_late_is_no_leak(rule_on: RuleOn, outcome: str, settled: tuple[int, ...]) -> None:
    assert rule_on("RL-04", cycled(LEFT, *GROWS, settled=settled)).outcome == outcome


@pytest.mark.parametrize(("outcome", "share"), [("FAIL", 0.95), ("INCONCLUSIVE", 0.5), ("INCONCLUSIVE", 0.02)])
def test_a_leak_is_watched_for_the_whole_budget(rule_on: RuleOn, outcome: str, share: float) -> None:
    history = cycled(LEFT, *GROWS, waited_ms=share * BUDGETS_MS["return_ms"])
    assert rule_on("RL-04", history).outcome == outcome


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("close_wait", "sockets in CLOSE_WAIT"),
        ("sockets", "sockets"),
        ("processes", "processes"),
        ("threads", "threads"),
        ("open", "streams that it calls open"),
    ],
)
def test_every_figure_that_is_counted_may_leak(rule_on: RuleOn, name: str, words: str) -> None:
    (finding,) = rule_on("RL-04", cycled(LEFT, *GROWS, name=name)).findings
    assert f"+20 {words} in batches" in finding.got


@pytest.mark.parametrize("name", ["rss_bytes", "cpu_ms", "produced"])
def test_memory_and_time_are_no_leak(rule_on: RuleOn, name: str) -> None:
    assert rule_on("RL-04", cycled(LEFT, *GROWS, name=name)).outcome == "PASS"


def test_what_the_target_tells_of_one_stream_is_no_count(rule_on: RuleOn) -> None:
    history = cycled(LEFT, *GROWS, name="open")
    header = replace(history.header, declared={"tells.open.per": "stream"})
    assert rule_on("RL-04", History(header, history.records)).outcome == "PASS"


def test_without_descriptors_nothing_is_known(rule_on: RuleOn) -> None:
    def untold(event: Event) -> Event:
        return Told(event.asked_ns, {"threads": 4}) if isinstance(event, Told) else event

    assert rule_on("RL-04", each(cycled(LEFT, 9, 9, 9, 9, 9), untold)).outcome == "INCONCLUSIVE"


def test_a_pool_that_grows_while_streams_are_still_open_is_no_leak(rule_on: RuleOn) -> None:
    threads = (5, 25, 45, 65, 85, *(85,) * 6)
    late = cycled(LEFT, *GROWS, settled=(90, 90, 9, 9, 9, 9), threads=threads)
    assert rule_on("RL-04", late).outcome == "INCONCLUSIVE"
    assert rule_on("RL-04", cycled(LEFT, 9, 9, 9, 9, 9, threads=threads)).outcome == "FAIL"


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        ("RL-01", EOF),
        ("RL-01", Failed("X")),
        ("RL-02", Closed("ours")),
    ],
)
def test_a_stream_that_ended_otherwise_is_no_cycle(rule_on: RuleOn, rule: str, end: Event) -> None:
    history = cycled(KINDS[rule], *GROWS)

    def otherwise(event: Event) -> Event:
        return end if isinstance(event, Ended) or event in (EOF, RESET) else event

    assert rule_on(rule, each(history, otherwise)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("end", [Completed(), ENDED])
def test_a_terminal_ends_a_cycle_as_well_as_the_message_does(rule_on: RuleOn, end: Event) -> None:
    history = each(cycled("completed", *GROWS), lambda event: end if isinstance(event, Ended) else event)
    assert rule_on("RL-01", history).outcome == "FAIL"


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        ("FAIL", head(status=400)),
        ("FAIL", Refused("closed")),
        ("FAIL", Refused("reset")),
        ("INCONCLUSIVE", head()),
        ("INCONCLUSIVE", head(status=500)),
        ("INCONCLUSIVE", Refused("refused")),
    ],
)
def test_a_refusal_is_what_says_no(rule_on: RuleOn, outcome: str, answer: Event) -> None:
    history = each(cycled("were refused", *GROWS), lambda event: answer if isinstance(event, Opened) else event)
    assert rule_on("RL-05", history).outcome == outcome


@pytest.mark.parametrize(("outcome", "status"), [("FAIL", 412), ("INCONCLUSIVE", 200)])
def test_an_unknown_id_that_is_refused_is_a_refusal(rule_on: RuleOn, outcome: str, status: int) -> None:
    asked = each(
        cycled("were refused", *GROWS),
        lambda e: Did("ask") if e == Did("ask:malformed") else head(status=status) if isinstance(e, Opened) else e,
    )
    behind = tuple(replace(s, acts=(Ask(behind="x"), Read(1, "look_ms"))) for s in asked.header.script.sessions)
    history = History(replace(asked.header, script=Script(behind)), asked.records)
    assert rule_on("RL-05", history).outcome == outcome


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=5, max_size=7),
    st.lists(st.integers(0, 40), max_size=6).map(tuple),
    st.sampled_from(["fds", "threads", "sockets", "rss_bytes", "open"]),
    st.sampled_from(sorted(KINDS.values())),
)
def test_a_figure_that_comes_back_is_never_a_leak(
    figures: list[int], settled: tuple[int, ...], name: str, kind: str
) -> None:
    """Whatever it did before: in the end it is as low as after the batch that warmed up."""
    history = cycled(kind, *figures, settled=(*settled, figures[1]), name=name)
    outcomes = {v.outcome for v in judge(history, RULES, [rule.id for rule in RULES])}
    assert outcomes <= {"PASS", "INCONCLUSIVE"}
