"""What a baseline tolerates, and what it does not: on runs that were written by hand."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from streamspec.harness.core.baseline import Known, held_against, written
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.rule import Finding, Level, Rule
from streamspec.harness.core.run import (
    EXIT_FAIL,
    EXIT_NO_VERDICT,
    EXIT_OK,
    EXIT_OURS,
    About,
    Result,
    Run,
    counts,
    exit_code,
    known_count,
    lines,
    merged,
)

TODAY = dt.date(2026, 11, 30)
ABOUT = About("http://127.0.0.1:1/", "sse", "declared", "plain", (), 0, "streamspec 0", "")
RULES = tuple(
    Rule(name, level, f"Rule {name}.", "", "", lambda _: (), (), ())
    for name, level in (("CN-02", Level.MUST), ("SSE-02", Level.SHOULD), ("LC-01", Level.MUST))
)
BROKEN = (Finding("broken", (0,), "this", "that"),)


def result(case: str, **outcomes: str) -> Result:
    verdicts = tuple(Verdict(rule.replace("_", "-"), Outcome(said), BROKEN) for rule, said in outcomes.items())
    return Result(case, tuple(outcomes), verdicts)


def run(*results: Result) -> Run:
    return Run(ABOUT, RULES, results, (), 0.0)


def known(rule: str = "CN-02", *, case: str = "", binding: str = "", until: dt.date | None = None) -> Known:
    return Known(rule, "since ever", case, binding, until, "b.toml:3")


LEFT = result("conformance/leave@sse", CN_02="FAIL")
LEFT_WELL = result("conformance/leave@sse", CN_02="PASS")
LOOKED = result("conformance/look@sse", LC_01="PASS")


def test_a_known_failure_stays_a_failure_and_does_not_fail_the_run() -> None:
    held = held_against(run(LEFT, LOOKED), [known()], TODAY)
    assert [(line.rule.id, line.outcome, line.known) for line in lines(held)] == [
        ("CN-02", Outcome.FAIL, "since ever"),
        ("LC-01", Outcome.PASS, ""),
    ]
    assert (counts(held)[Outcome.FAIL], known_count(held), exit_code(held)) == (0, 1, EXIT_OK)


def test_without_a_baseline_it_fails() -> None:
    assert exit_code(run(LEFT)) == EXIT_FAIL


def test_a_known_warning_is_tolerated_by_a_strict_run_too() -> None:
    strict = replace(run(result("conformance/look@sse", SSE_02="WARN")), about=replace(ABOUT, strict=True))
    assert exit_code(strict) == EXIT_FAIL
    assert exit_code(held_against(strict, [known("SSE-02")], TODAY)) == EXIT_OK


def test_a_failure_that_no_entry_names_fails() -> None:
    other = result("conformance/look@sse", LC_01="FAIL")
    held = held_against(run(LEFT, other), [known()], TODAY)
    assert exit_code(held) == EXIT_FAIL
    assert held.crossed == ()


def test_the_same_rule_in_another_case_is_new_and_told_first() -> None:
    elsewhere = result("conformance/look@sse", CN_02="FAIL")
    held = held_against(run(LEFT, elsewhere), [known(case="conformance/leave*")], TODAY)
    (line,) = lines(held)
    assert [told.case for told, _ in line.told] == ["conformance/look@sse", "conformance/leave@sse"]
    assert (line.known, exit_code(held)) == ("", EXIT_FAIL)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"case": "conformance/leave"}, EXIT_OK),
        ({"case": "conformance/leave@sse"}, EXIT_OK),
        ({"case": "conformance/l?ave*"}, EXIT_OK),
        ({"case": "leave"}, EXIT_FAIL),
        ({"binding": "sse"}, EXIT_OK),
        ({"binding": "ndjson"}, EXIT_FAIL),
        ({"rule": "CN-0"}, EXIT_FAIL),
    ],
)
def test_an_entry_means_what_it_names(more: dict[str, Any], code: int) -> None:
    entry = Known(**{"rule": "CN-02", "reason": "since ever", **more})
    assert exit_code(held_against(run(LEFT), [entry], TODAY)) == code


def test_an_entry_whose_rule_is_kept_is_stale_and_fails() -> None:
    held = held_against(run(LEFT_WELL), [known()], TODAY)
    assert held.crossed == ("stale baseline entry: b.toml:3 CN-02 passes now: remove it",)
    assert exit_code(held) == EXIT_FAIL


def test_an_entry_for_a_case_that_there_is_not_is_stale() -> None:
    (said,) = held_against(run(LEFT_WELL), [known(case="conformance/laeve*")], TODAY).crossed
    assert said == "stale baseline entry: b.toml:3 CN-02 in conformance/laeve* names no case of this run: remove it"


@pytest.mark.parametrize(
    "unjudged",
    [
        run(LOOKED),
        run(LEFT_WELL, result("conformance/leave-2@sse", CN_02="INCONCLUSIVE")),
        replace(run(LEFT_WELL), rules=RULES[1:]),
        replace(run(LEFT_WELL), stopped="SIGINT"),
        replace(run(LEFT_WELL), problem="connection refused"),
    ],
    ids=["skipped", "inconclusive", "not selected", "stopped", "no verdict"],
)
def test_an_entry_is_not_stale_where_nobody_can_tell(unjudged: Run) -> None:
    assert held_against(unjudged, [known()], TODAY).crossed == ()


def test_an_entry_about_another_binding_is_not_stale() -> None:
    assert held_against(run(LEFT_WELL), [known(binding="ndjson")], TODAY).crossed == ()


def test_inconclusive_is_never_known() -> None:
    held = held_against(run(result("conformance/leave@sse", CN_02="INCONCLUSIVE")), [known()], TODAY)
    assert (lines(held)[0].known, exit_code(held)) == ("", EXIT_NO_VERDICT)


def test_an_error_of_ours_is_not_hidden_behind_a_known_failure() -> None:
    held = held_against(run(LEFT, result("conformance/x@sse", CN_02="ERROR")), [known()], TODAY)
    assert (lines(held)[0].outcome, exit_code(held)) == (Outcome.ERROR, EXIT_OURS)


def test_an_entry_ends_with_its_day() -> None:
    lasting = held_against(run(LEFT), [known(until=TODAY)], TODAY)
    over = held_against(run(LEFT), [known(until=TODAY - dt.timedelta(1))], TODAY)
    assert (exit_code(lasting), exit_code(over)) == (EXIT_OK, EXIT_FAIL)
    assert over.crossed == (
        "stale baseline entry: b.toml:3 CN-02 was to be over after 2026-11-29: mend it or say it anew",
    )
    assert lines(over)[0].known == ""


def test_an_entry_of_a_rule_that_was_not_chosen_does_not_end() -> None:
    chosen = replace(run(LOOKED), rules=RULES[2:])
    assert held_against(chosen, [known(until=TODAY - dt.timedelta(1))], TODAY).crossed == ()


def test_several_runs_keep_what_is_known() -> None:
    held = held_against(merged([run(LEFT), run(LOOKED)]), [known()], TODAY)
    assert exit_code(merged([held, held])) == EXIT_OK


def test_what_is_written_names_each_new_failure_and_no_reason() -> None:
    mixed = run(LEFT, result("conformance/look@sse", CN_02="PASS", SSE_02="WARN", LC_01="INCONCLUSIVE"))
    found = tomllib.loads(written(mixed))["known"]
    assert found == [
        {"rule": "CN-02", "case": "conformance/leave", "reason": "TODO"},
        {"rule": "SSE-02", "reason": "TODO"},  # kept nowhere
    ]
    assert [entry["rule"] for entry in tomllib.loads(written(replace(mixed, known=(known(),))))["known"]] == ["SSE-02"]
