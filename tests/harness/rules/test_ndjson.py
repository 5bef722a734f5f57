"""ND at its edges: what NDJSON is held to, and what was never called NDJSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Completed, Deviation, Did, Ended, Event, Heartbeat
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
LINES = "application/x-ndjson"
TORN = Deviation("ndjson.unterminated", 20)
NOT_JSON = Deviation("ndjson.not-json", 20, "x")
EMPTY = Deviation("ndjson.empty-line", 20)


def answered(*events: Event, role: str = "look", kind: str = LINES) -> History:
    return written(*told(role, ASK, head(("Content-Type", kind)), *events), binding="ndjson")


GRAMMAR = {
    "ND-01": ("FAIL", ["ndjson.not-json"]),
    "ND-02": ("FAIL", ["ndjson.spread", "ndjson.inner-cr"]),
    "ND-03": ("FAIL", ["ndjson.utf8", "ndjson.bom"]),
    "ND-13": ("WARN", ["ndjson.empty-line"]),
}
FAULTS = [(rule, code) for rule, (_, codes) in GRAMMAR.items() for code in codes]


@pytest.mark.parametrize(("rule", "code"), FAULTS)
@pytest.mark.parametrize("role", ["look", "finite", "endless", "failing", "prompt", "idle"])
def test_a_grammar_is_broken_by_its_own_deviations_in_every_role(
    rule_on: RuleOn, rule: str, code: str, role: str
) -> None:
    verdict = rule_on(rule, answered(item(0), Deviation(code, 9, "x"), item(1), *CLOSE, role=role))
    assert verdict.outcome == GRAMMAR[rule][0]
    assert "octet 9 of the body" in verdict.findings[0].got


@pytest.mark.parametrize(("rule", "code"), FAULTS)
def test_what_came_after_an_end_of_ours_is_nobodys(rule_on: RuleOn, rule: str, code: str) -> None:
    assert rule_on(rule, answered(item(0), *CANCEL, Deviation(code, 9))).outcome == "PASS"


@pytest.mark.parametrize("rule", GRAMMAR)
@pytest.mark.parametrize("events", [(), (Heartbeat(),), (ENDED, EOF)], ids=["head", "heartbeat", "end"])
def test_a_stream_without_items_proves_no_grammar(rule_on: RuleOn, rule: str, events: tuple[Event, ...]) -> None:
    assert rule_on(rule, answered(*events, *CLOSE)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", GRAMMAR)
@pytest.mark.parametrize("code", ["ndjson.crlf", "json.huge-number", "json.duplicate-name", "chunk.size"])
def test_what_is_legal_or_another_rules_is_no_fault(rule_on: RuleOn, rule: str, code: str) -> None:
    assert rule_on(rule, answered(item(0), Deviation(code, 9), item(1), *CLOSE)).outcome == "PASS"


@pytest.mark.parametrize("rule", GRAMMAR)
@pytest.mark.parametrize("code", ["ndjson.line-too-long", "ndjson.too-deep", "coding.too-large", "coding.cut"])
def test_what_was_not_read_proves_nothing(rule_on: RuleOn, rule: str, code: str) -> None:
    assert rule_on(rule, answered(item(0), Deviation(code, 9), *CLOSE)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", ["ND-01", "ND-02", "ND-03", "ND-04", "ND-13"])
def test_the_answer_to_a_malformed_request_is_not_judged(rule_on: RuleOn, rule: str) -> None:
    history = written(
        *told("look", Did("ask:malformed"), head(("Content-Type", LINES)), NOT_JSON, EMPTY, item(0), ENDED),
        binding="ndjson",
    )
    assert rule_on(rule, history).outcome == "INCONCLUSIVE"


# -- the last line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "role", "events"),
    [
        ("FAIL", "look", (item(0), TORN, item(1), ENDED, EOF)),
        ("FAIL", "finite", (item(0), TORN, ENDED, EOF)),
        ("FAIL", "text", (item(0), TORN, item(1), Ended("length", 40), *CLOSE)),
        ("FAIL", "finite", (item(0), TORN, Ended("close", 27), EOF)),
        ("PASS", "look", (item(0), TORN, Ended("close", 27), EOF)),
        ("PASS", "look", (item(0), TORN, EOF)),
        ("PASS", "finite", (item(0), TORN, RESET)),
        ("PASS", "failing", (item(0), TORN, ENDED, EOF)),
        ("PASS", "endless", (item(0), *CANCEL, TORN)),
    ],
)
def test_a_last_line_is_ended_before_a_clean_end(
    rule_on: RuleOn, outcome: str, role: str, events: tuple[Event, ...]
) -> None:
    assert rule_on("ND-01", answered(*events, role=role)).outcome == outcome


@pytest.mark.parametrize("kind", ["application/jsonl", "application/x-jsonlines", "Application/JSONLines; v=1"])
def test_json_lines_need_no_last_line_end(rule_on: RuleOn, kind: str) -> None:
    assert rule_on("ND-01", answered(item(0), TORN, item(1), ENDED, EOF, kind=kind)).outcome == "PASS"


# -- what nobody called NDJSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["ND-01", "ND-02", "ND-03", "ND-04", "ND-13"])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain", "application/problem+json", ""])
def test_a_page_is_not_held_to_ndjson(rule_on: RuleOn, rule: str, kind: str) -> None:
    page = (NOT_JSON, EMPTY, Deviation("ndjson.utf8", 30), TORN, ENDED, EOF)
    assert rule_on(rule, answered(*page, kind=kind)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", ["ND-01", "ND-02", "ND-04"])
@pytest.mark.parametrize(
    "document", [(TORN, item(0)), (Deviation("ndjson.spread", 0), item(0))], ids=["compact", "pretty"]
)
def test_one_json_document_is_not_held_to_ndjson(rule_on: RuleOn, rule: str, document: tuple[Event, ...]) -> None:
    whole = (*document, Ended("length", 7), *CLOSE)
    assert rule_on(rule, answered(*whole, kind="application/json")).outcome == "INCONCLUSIVE"


def test_what_calls_itself_ndjson_is_held_to_it(rule_on: RuleOn) -> None:
    assert rule_on("ND-01", answered(NOT_JSON, ENDED, EOF)).outcome == "FAIL"
    assert rule_on("ND-02", answered(Deviation("ndjson.spread", 0), item(0), ENDED, EOF)).outcome == "FAIL"


def test_what_has_records_is_held_to_ndjson_whatever_its_type(rule_on: RuleOn) -> None:
    history = answered(item(0), NOT_JSON, item(1), *CLOSE, kind="application/json")
    assert rule_on("ND-01", history).outcome == "FAIL"


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("PASS", "application/x-ndjson"),
        ("PASS", "APPLICATION/X-NDJSON;charset=UTF-8"),
        ("PASS", "application/ndjson"),
        ("PASS", "application/jsonl"),
        ("PASS", "application/x-jsonlines"),
        ("PASS", "application/jsonlines"),
        ("WARN", "application/json"),
        ("WARN", "text/plain"),
        ("WARN", "text/event-stream"),
        ("WARN", ""),
    ],
)
def test_a_type_is_one_of_its_names(rule_on: RuleOn, outcome: str, kind: str) -> None:
    assert rule_on("ND-04", answered(item(0), item(1), *CLOSE, kind=kind)).outcome == outcome


# -- empty lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "every_ms", "at_ms"),
    [
        ("WARN", None, (100,)),
        ("INCONCLUSIVE", 1000, (100,)),
        ("INCONCLUSIVE", 1000, (0, 1000, 2000, 2990, 3000, 4000)),
        ("INCONCLUSIVE", 1000, (3000, 3001, 3002)),  # late, and caught up with
        ("WARN", 1000, (0, 1, 2, 3)),
        ("WARN", 1000, (0, 300, 600, 900)),
    ],
)
def test_an_empty_line_may_be_a_heartbeat_that_is_declared(
    rule_on: RuleOn, outcome: str, every_ms: int | None, at_ms: tuple[float, ...]
) -> None:
    history = written(
        *told("idle", ASK, head(("Content-Type", LINES)), item(0), step_ms=0),
        *(("idle", float(at), EMPTY) for at in at_ms),
        binding="ndjson",
        declared={"idle.heartbeat_ms": every_ms} if every_ms else {},
    )
    assert rule_on("ND-13", history).outcome == outcome


def test_an_empty_line_behind_the_terminal_is_read_by_nobody(rule_on: RuleOn) -> None:
    assert rule_on("ND-13", answered(item(0), Completed(), EMPTY, ENDED, EOF, role="finite")).outcome == "PASS"
