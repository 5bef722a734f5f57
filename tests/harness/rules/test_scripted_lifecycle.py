"""LC on scripted servers at its edges: what an honest server may show of a script, and what gives a broken one away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from streamspec.harness.core.event import Closed, Completed, Did, Ended, Event, Expired, Failed, Item, Refused
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.script import Script
from streamspec.harness.core.steps import Abandon, Complete, Fail, Gate, Generate, Send, Step, Wait
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, account, head, item
from streamspec.harness.rules._scripted_ends import (
    BADLY,
    FAIL,
    GENERATE,
    MARKED,
    THREE,
    WELL,
    Part,
    due,
    ending,
    scripted,
    tail,
    told_to,
)

RuleOn = Callable[[str, History], Verdict]
FAILED = ((GENERATE, FAIL), BADLY)
DONE = ((GENERATE, Complete()), WELL)
LATE = Send(('{"late":1}',))
TOLD = {f"tells.{name}.per": "stream" for name in ("sent", "refused", "terminals")}


# -- which sessions, which end -----------------------------------------------------------------------------------------


def test_what_only_waits_is_no_part_of_how_a_script_ends() -> None:
    steps = (GENERATE, Gate("a"), Complete(), Wait(5), Gate("b"), FAIL)
    assert tail(steps) == (Complete(), FAIL)


@pytest.mark.parametrize(
    ("steps", "number"),
    [
        ((Generate(3), Complete(), Generate(4)), 3),
        ((Send(("1", "2")), Generate(3), FAIL), 5),
        ((Send(("1",)), Generate(), Complete()), 0),
        ((Abandon(),), 0),
    ],
)
def test_items_behind_the_end_are_not_due(steps: tuple[Step, ...], number: int) -> None:
    assert due(scripted((steps, WELL)), "script-1") == number


def test_a_stream_that_time_may_end_is_nobodys() -> None:
    h = scripted(DONE, DONE)
    first, second = h.header.script.sessions
    timed = Script((first, replace(second, options={"deadline_ms": 200})))
    assert told_to(h, Complete) == ("script-1", "script-2")
    assert told_to(replace(h, header=replace(h.header, script=timed)), Complete) == ("script-1",)


@pytest.mark.parametrize(
    ("events", "declared", "how"),
    [
        (WELL, MARKED, "success"),
        (BADLY, MARKED, "failure"),
        ((*THREE, EOF), MARKED, "failure"),
        ((*THREE, RESET), {}, "failure"),
        ((*THREE, ENDED, EOF), {}, "success"),
        ((*THREE, ENDED, EOF), MARKED, "bare"),
        ((*THREE, ENDED, EOF), {"profile.terminal": True}, "failure"),
        ((*THREE, Ended("close", 20), EOF), MARKED, "failure"),
        ((*THREE, Ended("close", 20), EOF), {}, ""),
        ((*THREE, item(3, kind="error"), ENDED, EOF), {}, ""),
        ((*THREE, Expired("look_ms", 2000), *CLOSE), MARKED, "open"),
        ((*THREE, *CANCEL), MARKED, ""),
        ((*THREE, *CLOSE, Completed()), MARKED, ""),
        ((ASK, head(status=500), ENDED, EOF), MARKED, "failure"),
        ((ASK, head(status=501), ENDED, EOF), MARKED, ""),
        ((ASK, head(status=404), ENDED, EOF), MARKED, ""),
        ((ASK, Refused("closed")), MARKED, ""),
    ],
)
def test_an_ending_is_what_the_client_was_shown(
    events: tuple[Event, ...], declared: dict[str, str | int | bool], how: str
) -> None:
    h = scripted(((GENERATE, Complete()), events), declared=declared)
    assert ending(h, "script-1").how == how


# -- a second ending ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [FAILED, ((GENERATE, FAIL), (*THREE, EOF))])
def test_a_late_complete_that_wins_is_held_against_who_can_show_a_failure(rule_on: RuleOn, first: Part) -> None:
    h = scripted(first, ((GENERATE, FAIL, Complete()), WELL))
    assert rule_on("LC-03", h).outcome == "FAIL"


def test_without_a_control_a_late_complete_accuses_nobody(rule_on: RuleOn) -> None:
    verdict = rule_on("LC-03", scripted(((GENERATE, FAIL, Complete()), WELL)))
    assert (verdict.outcome, verdict.reason) == ("INCONCLUSIVE", "no failure is shown here")


@pytest.mark.parametrize(
    ("figures", "outcome"),
    [
        ({"refused": 0}, "INCONCLUSIVE"),
        ({"refused": 1}, "FAIL"),
        ({"refused": 1, "terminals": 1}, "FAIL"),
        ({"refused": 1, "terminals": 2}, "INCONCLUSIVE"),
    ],
)
def test_an_error_that_was_not_refused_may_win(rule_on: RuleOn, figures: dict[str, int], outcome: str) -> None:
    told = (*BADLY, account(100, **figures))
    h = scripted(((GENERATE, Complete(), FAIL), told), declared={**MARKED, **TOLD})
    assert rule_on("LC-04", h).outcome == outcome


def test_a_second_end_is_first_of_all_one_end_too_many(rule_on: RuleOn) -> None:
    h = scripted(DONE, ((GENERATE, Complete(), Complete()), (*WELL[:-2], Completed(), ENDED, EOF)))
    assert rule_on("LC-05", h).outcome == "FAIL"


# -- no ending ---------------------------------------------------------------------------------------------------------


def test_silence_after_an_abandoned_stream_counts_three_times_out_of_three(rule_on: RuleOn) -> None:
    silent = ((GENERATE, Abandon()), (*THREE, Expired("failing_ms", 5000), *CLOSE))
    assert rule_on("LC-06", scripted(silent, silent)).outcome == "INCONCLUSIVE"
    assert rule_on("LC-06", scripted(silent, silent, silent)).outcome == "FAIL"


# -- items around the end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "outcome"),
    [((), "PASS"), ((account(100, sent=3, refused=1),), "PASS"), ((account(100, sent=4),), "INCONCLUSIVE")],
)
def test_a_witness_that_counts_a_late_send_accuses_nobody(
    rule_on: RuleOn, told: tuple[Event, ...], outcome: str
) -> None:
    h = scripted(((GENERATE, Complete(), LATE), (*WELL, *told)), declared={**MARKED, **TOLD})
    assert rule_on("LC-10", h).outcome == outcome


def test_an_item_that_only_looks_like_the_late_one_is_not_it(rule_on: RuleOn) -> None:
    other = Item(3, 12, "00000000000000ff", '{"late":10}', 60)
    assert rule_on("LC-10", scripted(((GENERATE, Complete(), LATE), (*THREE, other, *WELL[-3:])))).outcome == "PASS"


def test_items_that_may_be_too_large_are_not_due(rule_on: RuleOn) -> None:
    steps = (Generate(3, bytes=1_000_000), Complete())
    assert rule_on("LC-09", scripted((steps, (*WELL[:3], *WELL[-3:])))).outcome == "INCONCLUSIVE"


# -- readers that stood still ------------------------------------------------------------------------------------------

STALL = (*THREE[:2], Did("stall"), Did("resume"))
SILENT = (*STALL, *THREE[2:], Expired("failing_ms", 5000), Did("close"), Closed("ours"))


def test_a_hang_before_the_last_item_is_another_rules(rule_on: RuleOn) -> None:
    hang = (DONE[0], (*STALL, item(0), Expired("failing_ms", 5000), *CLOSE))
    assert rule_on("LC-12", scripted(DONE, hang, hang, hang)).outcome == "INCONCLUSIVE"


def test_a_time_that_is_over_is_a_policy_of_slow_clients(rule_on: RuleOn) -> None:
    late = (DONE[0], (*STALL, *THREE[2:], Failed("TIMED_OUT"), ENDED, EOF))
    assert rule_on("LC-12", scripted(DONE, late, late, late)).outcome == "INCONCLUSIVE"


def test_who_stood_still_when_the_end_had_been_seen_shows_nothing(rule_on: RuleOn) -> None:
    seen = (DONE[0], (*WELL, Did("stall"), Did("resume")))
    assert rule_on("LC-12", scripted(seen)).reason == "nothing to look at"


@pytest.mark.parametrize("end", [Complete(), Fail("INTERNAL")])
def test_an_end_that_is_never_told_after_a_stall_breaks_it(rule_on: RuleOn, end: Complete | Fail) -> None:
    steps: tuple[Step, ...] = (GENERATE, end)
    control = (steps, WELL if isinstance(end, Complete) else BADLY)
    assert rule_on("LC-12", scripted(control, *((steps, SILENT),) * 3)).outcome == "FAIL"
