"""An errand crosses processes whole, and so does what comes of it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.harness.assembly import Settings
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.ports import Request
from streamspec.harness.core.rule import Finding
from streamspec.harness.core.run import About, Figure, Result, Run, Section
from streamspec.harness.discovery import all_rules
from streamspec.harness.errand import LINES_BYTES, SAME, Errand, Runs, errand_from_json, frames_of
from streamspec.harness.errand_child import settings_of
from streamspec.harness.errands import errand_of

if TYPE_CHECKING:
    from streamspec.harness.core.history import History

RULES = {rule.id: rule for rule in all_rules()}
ERRAND = Errand(
    ("ndjson", "json_array"),
    ("LC-01",),
    "2026-11-30T15:00:00+00:00",
    "/runs/one",
    (("Accept", "*/*"),),
    other=(("Authorization", "Bearer b"),),
    seed=7,
)
PASSED = Verdict("LC-01", Outcome.PASS, (Finding("held", (1, 2)),))
FAILED = Verdict("LC-02", Outcome.FAIL, (Finding("broken", (3,), "nothing", "an item"),))
ASKED = Verdict("LC-14", Outcome.INCONCLUSIVE, (Finding("unknown", (), reason="no end"),), "no end")
ABOUT = About("http://127.0.0.1:1/", "sse", "declared", "streamspec", (("look", "/"),), 7, "streamspec", "now")


def bad_history() -> History:
    return next(rule.bad[0] for rule in RULES.values() if "object" not in rule.needs)


def run_of(*results: Result) -> Run:
    skips = (Skip("SSE-01", ("role:finite",)),)
    sections = (Section("figures", (Figure("streams", 3), Figure("longest", 1.5, "ms"))),)
    return Run(ABOUT, (RULES["LC-01"], RULES["LC-02"]), results, skips, 1.25, problem="none", sections=sections)


def crossed(*runs: Run) -> list[Run]:
    found = Runs(RULES)
    for run in runs:
        for op, said in frames_of(run):
            found.take(json.loads(json.dumps({"op": op, **said})))
    return found.whole


def test_an_errand_comes_as_it_was_sent() -> None:
    assert errand_from_json(json.loads(json.dumps(asdict(ERRAND)))) == ERRAND


@pytest.mark.parametrize("change", [{"bindings": "sse"}, {"surprise": 1}, {"seed": "7"}, {"headers": [["Accept"]]}])
def test_what_is_no_errand_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        errand_from_json({**json.loads(json.dumps(asdict(ERRAND))), **change})


def test_runs_come_as_they_were_and_in_their_order() -> None:
    failing = Result("conformance/look@sse", ("LC-02",), (PASSED, FAILED), bad_history(), "/runs/one/look.ndjson")
    unrun = Result("conformance/finite@sse", ("LC-14",), (ASKED,), note="the target was not back")
    first, second = run_of(failing, unrun), replace(run_of(), about=replace(ABOUT, binding="ndjson"))
    assert crossed(first, second) == [first, second]


def test_a_history_in_which_nothing_went_wrong_stays_where_it_is() -> None:
    (run,) = crossed(run_of(Result("conformance/look@sse", ("LC-01",), (PASSED,), bad_history())))
    assert run.results == (Result("conformance/look@sse", ("LC-01",), (PASSED,)),)


def test_a_long_history_crosses_in_pieces() -> None:
    history = bad_history()
    many = tuple(replace(history.records[0], index=n) for n in range(LINES_BYTES // 50))
    long = replace(history, records=many)
    run = run_of(Result("conformance/look@sse", (), (FAILED,), long))
    assert len(list(frames_of(run))) > 3
    assert crossed(run) == [run]


@pytest.mark.parametrize(
    "said",
    [
        {"op": "surprise"},
        {"op": "result"},
        {"op": "result", "case": "a", "promises": [], "verdicts": [["LC-01", "GOOD", "", []]], "place": "", "note": ""},
        {"op": "history"},
        {"op": "run", "about": {}},
    ],
)
def test_what_is_no_part_of_a_run_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Runs(RULES).take(said)


def test_the_settings_of_an_errand_are_those_that_it_was_made_of() -> None:
    said = Settings(
        Request("", headers=(("X-One", "1"),)),
        rules=("LC-01",),
        seed=3,
        strict=True,
        claims=("http10",),
        tells=("open=told#$.open",),
        instances=2,
        directory=Path("/somewhere"),
        grace_ms=5,
        effort="full",
        auth="bearer",
        other=(("Authorization", "Bearer b"),),
    )
    errand = errand_of(said, ("sse",), (RULES["LC-01"],), datetime.now(UTC), None)
    assert settings_of(errand) == replace(said, profile=Settings(Request("")).profile)
    assert (errand.bindings, errand.chosen, errand.place) == (("sse",), ("LC-01",), "")


# What the embedded reference says itself, what an errand says in its own way, and what keeps a run in one process.
_SAID_BY_IT = {"binding", "profile", "roles", "spawn", "script", "object", "pid", "together"}
_IN_ITS_WAY = {"look", "store", "directory"}
_STAYS = {"transport", "replay", "baseline"}


def test_no_setting_is_forgotten_when_it_crosses() -> None:
    assert {field.name for field in fields(Settings)} == {*SAME, *_SAID_BY_IT, *_IN_ITS_WAY, *_STAYS}
