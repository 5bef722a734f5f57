"""The report for machines keeps its own schema, says what the terminal says, and is inert as text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from streamspec.harness.core.event import Failed, Opened
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.ports import Style
from streamspec.harness.core.rule import Level, Rule, broken, unknown
from streamspec.harness.core.run import Result, Run, exit_code, lines
from streamspec.harness.core.written import ASK, told, written
from streamspec.reports.json_document import JSON, SCHEMA_VERSION, render, schema

Same = Callable[[Path, str], None]
PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "report.schema.json"
RUNS = ["mixed_run", "green_run", "partial_run", "problem_run", "crashed_run"]
HOSTILE = "\x1b[31mred\x1b]0;t\x07\r\x9b2J\x00\u202eevil\u2066\u200b\u2028\ud800\x7f\x85\n</script>"


def document(run: Run) -> dict[str, Any]:
    data = json.loads(render(run, Style()))
    assert isinstance(data, dict)
    return data


@pytest.fixture(params=RUNS)
def any_run(request: pytest.FixtureRequest) -> Run:
    run = request.getfixturevalue(request.param)
    assert isinstance(run, Run)
    return run


def test_the_published_schema_is_the_schema(same: Same) -> None:
    same(PUBLISHED, json.dumps(schema(), indent=2) + "\n")


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_report_keeps_the_schema(any_run: Run) -> None:
    Draft202012Validator(schema()).validate(document(any_run))


@pytest.mark.parametrize("change", [{"exit_code": "0"}, {"rules": [{}]}, {"counts": {"FAIL": "1"}}, {"target": None}])
def test_the_schema_refuses_what_is_no_report(mixed_run: Run, change: dict[str, Any]) -> None:
    assert not Draft202012Validator(schema()).is_valid(document(mixed_run) | change)


def test_a_field_of_every_part_is_required() -> None:
    for name, part in schema()["$defs"].items():
        assert set(part["required"]) == set(part["properties"]), name


def test_it_says_what_the_run_says(any_run: Run) -> None:
    data = document(any_run)
    assert data["schema_version"] == SCHEMA_VERSION
    assert data["exit_code"] == exit_code(any_run)
    assert [(r["id"], r["outcome"]) for r in data["rules"]] == [(x.rule.id, x.outcome.value) for x in lines(any_run)]
    assert data["counts"] == {o.value: sum(x.outcome is o for x in lines(any_run)) for o in Outcome}
    assert (data["stopped"], data["problem"]) == (any_run.stopped, any_run.problem)
    assert [case["id"] for case in data["cases"]] == [result.case for result in any_run.results]


@pytest.mark.parametrize(
    ("name", "complete"), [("mixed", True), ("green", True), ("crashed", True), ("partial", False), ("problem", False)]
)
def test_only_a_whole_run_is_complete(request: pytest.FixtureRequest, name: str, *, complete: bool) -> None:
    assert document(request.getfixturevalue(f"{name}_run"))["complete"] is complete


def test_every_failure_is_told_with_its_evidence(mixed_run: Run) -> None:
    data = document(mixed_run)
    assert [(f["rule"], f["outcome"], f["case"]) for f in data["failures"]] == [
        ("XX-01", "FAIL", "a/one@sse"),
        ("XX-01", "FAIL", "a/two@sse"),
        ("XX-02", "WARN", "a/one@sse"),
    ]
    first = data["failures"][0]
    (finding,) = first["findings"]
    assert (finding["expected"], finding["got"]) == ("silence", "x")
    assert [(r["index"], r["marked"]) for r in finding["records"]] == [
        *[(2, False), (3, False), (4, True), (5, False), (6, False)],
    ]
    assert first["history"] == ".streamspec/runs/x/one.ndjson"
    assert first["reproduce"][-1] == "streamspec judge .streamspec/runs/x/one.ndjson --rule XX-01"


def test_a_skip_names_its_needs_and_a_silence_its_reason(mixed_run: Run) -> None:
    rules = {rule["id"]: rule for rule in document(mixed_run)["rules"]}
    assert rules["XX-05"]["missing"] == ["terminal", "role:failing"]
    assert rules["XX-03"]["reason"] == "finite was not seen whole"
    assert rules["XX-01"]["cases"] == ["a/one@sse", "a/two@sse"]
    assert rules["XX-05"]["cases"] == []


def test_a_rule_that_was_skipped_is_judged_in_no_case(mixed_run: Run) -> None:
    data = document(mixed_run)
    skipped = {rule["id"] for rule in data["rules"] if rule["outcome"] == "SKIP"}
    assert not skipped & {v["rule"] for case in data["cases"] for v in case["verdicts"]}


def test_a_crash_of_ours_has_its_traceback(crashed_run: Run) -> None:
    (failure,) = document(crashed_run)["failures"]
    assert failure["outcome"] == "ERROR"
    assert "ZeroDivisionError: a bug of ours" in failure["reason"]


def test_a_style_changes_nothing(mixed_run: Run) -> None:
    assert render(mixed_run, Style(colour=True, unicode=False)) == render(mixed_run, Style())


def hostile(green_run: Run, text: str) -> Run:
    opened = Opened(200, text, text, (("Content-Type", text),))
    history = written(*told("finite-1", ASK, opened, Failed(text, text, text)))
    verdicts = (
        Verdict("XX-01", Outcome.FAIL, (broken(history.records, expected=text, got=text),)),
        Verdict("XX-02", Outcome.INCONCLUSIVE, (unknown(text),), text),
        Verdict("XX-03", Outcome.ERROR, (), text),
    )
    rules = tuple(Rule(v.rule, Level.MUST, "s", "s", "w", lambda _: (), (), ()) for v in verdicts)
    about = replace(green_run.about, target=text, binding_reason=text, roles=(("finite", text),))
    result = Result("a/b@sse", (), verdicts, history, "", text)
    return replace(green_run, about=about, rules=rules, results=(result,), problem=text)


def strings(data: Any) -> list[str]:
    match data:
        case str():
            return [data]
        case dict():
            return [text for key, value in data.items() for text in (key, *strings(value))]
        case list():
            return [text for value in data for text in strings(value)]
    return []


def test_a_hostile_target_is_inert_as_a_file_and_as_data(green_run: Run) -> None:
    text = render(hostile(green_run, HOSTILE), Style())
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not any(unicodedata.category(char) in bad for char in text.replace("\n", ""))
    for string in strings(json.loads(text)):
        lines_of = string.replace("\n", "")  # a reason may be a traceback, which has lines
        assert not any(unicodedata.category(char) in bad for char in lines_of)


def test_one_answer_cannot_fill_a_disk(green_run: Run) -> None:
    assert len(render(hostile(green_run, "x" * 60_000), Style())) < 600_000


def test_much_evidence_is_bounded(green_run: Run) -> None:
    rows = told("finite-1", *(Failed(str(n)) for n in range(500)))
    history = written(*rows)
    verdict = Verdict("XX-01", Outcome.FAIL, (broken(history.records, expected="a", got="b"),))
    rule = Rule("XX-01", Level.MUST, "s", "s", "w", lambda _: (), (), ())
    data = document(replace(green_run, rules=(rule,), results=(Result("a", (), (verdict,), history),)))
    assert len(data["cases"][0]["verdicts"][0]["evidence"]) == 100


def test_a_foreign_name_that_no_text_can_hold_is_no_crash_of_ours(mixed_run: Run) -> None:
    """A lone surrogate comes out of any JSON file; UTF-8 cannot hold it."""
    evil = replace(mixed_run, results=tuple(replace(r, case="a\ud800") for r in mixed_run.results))
    assert render(evil, Style())


def test_it_is_the_report_called_json() -> None:
    assert (JSON.name, JSON.render) == ("json", render)
