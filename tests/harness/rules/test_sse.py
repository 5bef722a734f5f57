"""SSE at its edges: types and charsets, caches, grammar."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Deviation, Did, Ended, Event, Heartbeat
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.ports import Request
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
TYPE = ("Content-Type", "text/event-stream")


def answered(*headers: tuple[str, str], status: int = 200, method: str = "GET") -> History:
    return written(*told("look", ASK, head(*headers, status=status), item(0), *CLOSE), method=method)


@pytest.mark.parametrize(
    ("outcome", "value"),
    [
        ("PASS", "text/event-stream"),
        ("PASS", "TEXT/EVENT-STREAM"),
        ("PASS", "text/event-stream;charset=utf-8"),
        ("PASS", "text/event-stream; charset=UTF-8"),
        ("PASS", 'text/event-stream; charset="utf-8"'),
        ("PASS", "text/event-stream; charset = utf-8"),
        ("PASS", "text/event-stream; charset=utf8"),
        ("PASS", "text/event-stream; boundary=x; charset=utf-8"),
        ("PASS", "text/event-stream; v=1"),
        ("FAIL", "text/event-stream; charset=latin1"),
        ("FAIL", "text/event-stream; charset=utf-16"),
        ("FAIL", 'text/event-stream; charset="iso-8859-1"'),
        ("FAIL", "text/plain"),
        ("FAIL", "text/event-streams"),
        ("FAIL", "application/json; x=text/event-stream"),
        ("FAIL", ""),
    ],
)
def test_the_type_is_event_stream_in_utf_8(rule_on: RuleOn, outcome: str, value: str) -> None:
    assert rule_on("SSE-01", answered(("Content-Type", value))).outcome == outcome


def test_an_answer_without_a_type_is_no_event_stream(rule_on: RuleOn) -> None:
    verdict = rule_on("SSE-01", answered(("X", "y")))
    assert (verdict.outcome, verdict.findings[0].got) == ("FAIL", "no Content-Type")


@pytest.mark.parametrize(
    ("outcome", "status", "method"),
    [
        ("PASS", 200, "GET"),
        ("PASS", 200, "POST"),
        ("PASS", 201, "POST"),
        ("FAIL", 201, "GET"),
        ("FAIL", 206, "GET"),
        ("INCONCLUSIVE", 301, "GET"),
        ("INCONCLUSIVE", 404, "GET"),
        ("INCONCLUSIVE", 503, "POST"),
    ],
)
def test_a_get_is_answered_200_and_a_refusal_is_no_stream(
    rule_on: RuleOn, outcome: str, status: int, method: str
) -> None:
    assert rule_on("SSE-01", answered(TYPE, status=status, method=method)).outcome == outcome


def test_one_wrong_answer_among_right_ones_fails(rule_on: RuleOn) -> None:
    rows = (*told("look-1", ASK, head(), *CLOSE), *told("look-2", ASK, head(("Content-Type", "text/html")), *CLOSE))
    assert rule_on("SSE-01", written(*rows)).outcome == "FAIL"


@pytest.mark.parametrize("rule", ["SSE-01", "SSE-02", "SSE-13"])
def test_the_answer_to_a_malformed_request_is_not_judged(rule_on: RuleOn, rule: str) -> None:
    events = (Did("ask:malformed"), head(("Content-Type", "text/html")), Deviation("body.excess", 99), ENDED, EOF)
    assert rule_on(rule, written(*told("look", *events))).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcome", "values"),
    [
        ("PASS", ["no-store"]),
        ("PASS", ["No-Cache"]),
        ("PASS", ["private"]),
        ("WARN", ['private="set-cookie"']),  # speaks of that field only
        ("WARN", ['no-cache="set-cookie"']),
        ("PASS", ["max-age=0"]),
        ("PASS", ['max-age="0"']),
        ("PASS", ["public,no-cache"]),
        ("PASS", ["must-revalidate, max-age=0, no-transform"]),
        ("PASS", ["public", "no-store"]),
        ("WARN", []),
        ("WARN", [""]),
        ("WARN", ["public"]),
        ("WARN", ["max-age=60"]),
        ("WARN", ["max-age=01"]),
        ("WARN", ["s-maxage=0"]),
        ("WARN", ["no-storeroom"]),
        ("WARN", ["x-no-store"]),
        ("WARN", ["no-transform"]),
    ],
)
def test_an_answer_says_that_it_must_not_be_reused(rule_on: RuleOn, outcome: str, values: list[str]) -> None:
    assert rule_on("SSE-02", answered(TYPE, *(("Cache-Control", value) for value in values))).outcome == outcome


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("GET", 404)])
def test_a_cache_never_reuses_a_post_or_a_refusal(rule_on: RuleOn, method: str, status: int) -> None:
    assert rule_on("SSE-02", answered(TYPE, method=method, status=status)).outcome == "INCONCLUSIVE"


def test_a_shared_cache_never_stores_an_authorised_answer(rule_on: RuleOn) -> None:
    history = answered(TYPE)
    request = Request("http://x/", headers=(("authorization", "[redacted]"),))
    header = Header(
        *("a", "a", "sse", "plain", history.header.script),
        requests={"look": request},
    )
    assert rule_on("SSE-02", History(header, history.records)).outcome == "INCONCLUSIVE"


# -- grammar -----------------------------------------------------------------------------------------------------------

GRAMMAR = {
    "SSE-03": ("FAIL", ["sse.utf8"]),
    "SSE-06": ("WARN", ["sse.field", "sse.id-nul", "sse.retry", "sse.bom"]),
    "SSE-24": ("FAIL", ["sse.data-not-json"]),
}


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule, (_, codes) in GRAMMAR.items() for code in codes])
@pytest.mark.parametrize("role", ["look", "finite", "endless", "failing", "prompt"])
def test_a_grammar_is_broken_by_its_own_deviations_in_every_role(
    rule_on: RuleOn, rule: str, code: str, role: str
) -> None:
    declared: dict[str, str | int | bool] = {"profile.items": "json"}
    bad = written(*told(role, ASK, head(), item(0), Deviation(code, 9, "x"), *CLOSE), declared=declared)
    assert rule_on(rule, bad).outcome == GRAMMAR[rule][0]
    assert "octet 9 of the body" in rule_on(rule, bad).findings[0].got


@pytest.mark.parametrize("rule", GRAMMAR)
@pytest.mark.parametrize("events", [(), (Heartbeat(), Heartbeat()), (ENDED, EOF)], ids=["head", "heartbeats", "end"])
def test_a_stream_without_items_proves_no_grammar(rule_on: RuleOn, rule: str, events: tuple[Event, ...]) -> None:
    assert rule_on(rule, written(*told("look", ASK, head(), *events, *CLOSE))).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", GRAMMAR)
def test_another_deviation_is_another_rules(rule_on: RuleOn, rule: str) -> None:
    foreign = (Deviation("chunk.size", 1), Deviation("head.bare-lf", 1))
    history = written(*told("look", ASK, head(), item(0), *foreign, *CLOSE), declared={"profile.items": "json"})
    assert rule_on(rule, history).outcome == "PASS"


@pytest.mark.parametrize("rule", GRAMMAR)
@pytest.mark.parametrize("code", ["sse.line-too-long", "sse.event-too-long", "sse.data-too-deep"])
def test_what_was_not_read_proves_nothing(rule_on: RuleOn, rule: str, code: str) -> None:
    history = written(
        *told("look", ASK, head(), Deviation(code, 1), item(0), *CLOSE), declared={"profile.items": "json"}
    )
    assert rule_on(rule, history).outcome == "INCONCLUSIVE"


def test_where_the_profile_says_nothing_of_json_nothing_is_proved(rule_on: RuleOn) -> None:
    """Under `plain` no item is parsed: an unbroken silence there is no evidence (HN-15: never PASS)."""
    history = written(*told("look", ASK, head(), item(0), *CLOSE), declared={"profile.items": "any"})
    assert rule_on("SSE-24", history).outcome != "PASS"


@pytest.mark.parametrize(
    ("outcome", "role", "events"),
    [
        ("PASS", "finite", (item(0), ENDED, EOF)),
        ("PASS", "look", (item(0), Heartbeat(), ENDED, *CLOSE)),
        ("FAIL", "look", (item(0), Deviation("sse.unterminated", 20), ENDED, EOF)),
        ("FAIL", "finite", (Deviation("sse.unterminated", 0), Ended("length", 7), EOF)),
        ("INCONCLUSIVE", "finite", (item(0), Deviation("sse.unterminated", 20), EOF)),
        ("INCONCLUSIVE", "finite", (item(0), Deviation("sse.unterminated", 20), RESET)),
        ("INCONCLUSIVE", "failing", (item(0), Deviation("sse.unterminated", 20), ENDED, EOF)),
        ("INCONCLUSIVE", "look", (item(0), Deviation("sse.unterminated", 20), Ended("close", 27), EOF)),
        ("FAIL", "finite", (item(0), Deviation("sse.unterminated", 20), Ended("close", 27), EOF)),
        ("INCONCLUSIVE", "look", (item(0), *CLOSE)),
        ("INCONCLUSIVE", "finite", (ENDED, EOF)),
    ],
)
def test_the_last_event_is_finished_before_a_clean_end(
    rule_on: RuleOn, outcome: str, role: str, events: tuple[Event, ...]
) -> None:
    assert rule_on("SSE-04", written(*told(role, ASK, head(), *events))).outcome == outcome


@pytest.mark.parametrize(("outcome", "field"), [("INCONCLUSIVE", None), ("FAIL", "$.text")])
def test_raw_texts_are_no_json_and_need_be_none(rule_on: RuleOn, outcome: str, field: str | None) -> None:
    declared: dict[str, str | int | bool] = {"profile.items": "json", **({"text.field": field} if field else {})}
    rows = told("text", ASK, head(), Deviation("sse.data-not-json", 0), item(0), ENDED, EOF)
    assert rule_on("SSE-24", written(*rows, declared=declared)).outcome == outcome


@pytest.mark.parametrize("code", ["coding.invalid", "coding.cut"])
def test_what_could_not_be_inflated_has_no_last_block(rule_on: RuleOn, code: str) -> None:
    events = (item(0), Deviation(code, 20), Deviation("sse.unterminated", 20), ENDED, EOF)
    assert rule_on("SSE-04", written(*told("finite", ASK, head(), *events))).outcome == "INCONCLUSIVE"
