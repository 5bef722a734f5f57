"""A rule proves itself: by its good and bad histories, by silence where there is nothing to see, and by never crashing.

Generic over discovery: a rule added tomorrow is held to all of this without a line here.
"""

from __future__ import annotations

import re
from dataclasses import fields
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import (
    EVENTS,
    Closed,
    Completed,
    Deviation,
    Did,
    Ended,
    Event,
    Expired,
    Item,
    Meta,
    Opened,
    Refused,
)
from streamspec.harness.core.judge import Outcome, Verdict, judge
from streamspec.harness.core.rule import Level, Rule
from streamspec.harness.core.script import AGAIN, BEFORE, Ask
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, TYPES, head, item, told, written

if TYPE_CHECKING:
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

RULES: Final = all_rules()
BY_ID: Final = {rule.id: rule for rule in RULES}
BAD: Final = {Level.MUST: Outcome.FAIL, Level.SHOULD: Outcome.WARN}
DECLARED: Final[dict[str, str | int | bool]] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "profile.items": "json",
    "profile.features": "counted-end,record-errors,announced-total",
    "finite.items": 3,
    "finite.seq": "$.n",
    "endless.seq": "$.n",
    "failing.items_before": 3,
    "prompt.gap_ms": 200,
    "endless.first_item_ms": 200,
    "idle.heartbeat_ms": 200,
    "text.items": '["a\\nb"]',
    "text.field": "$.text",
    "resumable.guarantee": "exactly-once",
    "resumable.signals_unknown": "yes",
    "resumable.final": "204",
    "large.item_bytes": 1000,
    "large.seq": "$.n",
}
ROLES: Final = (
    *("finite", "endless-stays", "endless-leaves", "failing", "prompt"),
    *("empty", "text", "idle", "resumable", "large"),
)
SESSIONS: Final = (
    *(f"{BEFORE}1", "look-1", "look-2", f"{AGAIN}1", f"{AGAIN}2", f"{AGAIN}3"),
    *(f"{role}-{n}" for role in ROLES for n in (1, 2, 3)),
)
ASKS: Final = {
    "finite-2": Ask(coding="gzip"),
    "prompt-2": Ask(coding="gzip"),
    "resumable-2": Ask(after="resumable-1"),
    "resumable-3": Ask(behind="no-such-id"),
}
GOOD: Final = [pytest.param(rule, n, id=f"{rule.id}-{n}") for rule in RULES for n in range(len(rule.good))]
BROKEN: Final = [pytest.param(rule, n, id=f"{rule.id}-{n}") for rule in RULES for n in range(len(rule.bad))]


def verdict_of(rule: Rule, history: History) -> Verdict | None:
    return next(iter(judge(history, [rule], [rule.id])), None)


def binding_of(rule: Rule) -> str:
    """One that the rule speaks of."""
    return rule.on[0] if rule.on else "sse"


def outcomes(history: History) -> dict[str, Outcome]:
    return {v.rule: v.outcome for v in judge(history, RULES, tuple(BY_ID))}


# -- its own histories -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "n"), GOOD)
def test_a_good_history_is_never_held_against_anybody(rule: Rule, n: int) -> None:
    verdict = verdict_of(rule, rule.good[n])
    assert verdict is None or verdict.outcome in {Outcome.PASS, Outcome.INCONCLUSIVE}, verdict


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_at_least_one_good_history_passes(rule: Rule) -> None:
    verdicts = [verdict_of(rule, history) for history in rule.good]
    assert Outcome.PASS in {verdict.outcome for verdict in verdicts if verdict}


@pytest.mark.parametrize(("rule", "n"), BROKEN)
def test_a_bad_history_breaks_its_rule(rule: Rule, n: int) -> None:
    verdict = verdict_of(rule, rule.bad[n])
    assert verdict is not None
    assert verdict.outcome is BAD[rule.level]
    for finding in verdict.findings:
        assert finding.expected
        assert finding.got


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_has_both_kinds_of_history(rule: Rule) -> None:
    assert rule.good
    assert rule.bad


# -- silence ---------------------------------------------------------------------------------------------------------

UNANSWERED: Final = tuple(row for s in SESSIONS for row in told(s, ASK, *CLOSE))
WHYS: Final = ("unresolved", "refused", "unreachable", "tls", "closed", "reset", "not-http", "too-long")


def refusals(why: str, binding: str) -> History:
    return written(
        *(row for s in SESSIONS for row in told(s, ASK, Refused(why))),  # type: ignore[arg-type]  # one of WHYS
        declared=DECLARED,
        binding=binding,
        asks=ASKS,
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("rows", [(), UNANSWERED], ids=["empty", "unanswered"])
def test_where_nothing_is_seen_nothing_is_said(rule: Rule, rows: tuple[Row, ...]) -> None:
    verdict = verdict_of(rule, written(*rows, declared=DECLARED, binding=binding_of(rule), asks=ASKS))
    assert verdict is not None
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason


@pytest.mark.parametrize("why", WHYS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_dead_target_neither_passes_nor_fails(rule: Rule, why: str) -> None:
    verdict = verdict_of(rule, refusals(why, binding_of(rule)))
    assert verdict is not None
    assert verdict.outcome is Outcome.INCONCLUSIVE


# HN-03: a wrong port that answers every request with the same small page yields no PASS in any case.
PAGE: Final = (
    Opened(200, "OK", "HTTP/1.1", (("Content-Type", "text/html"), ("Content-Length", "9"))),
    Ended("length", 9),
)


def constant_pages(first: tuple[Event, ...], binding: str) -> History:
    """A look, a cancel and three looks more, every role beside them, all answered with the page; of the first look
    `first` was seen."""
    rows = [*told(f"{BEFORE}1", ASK, *first, *CLOSE), *told("look-1", ASK, PAGE[0], *CANCEL)]
    for n, session in enumerate(s for s in SESSIONS if s not in {f"{BEFORE}1", "look-1"}):
        rows += told(session, ASK, *PAGE, *CLOSE, start_ms=50.0 * (n + 1))
    return written(*rows, declared=DECLARED, binding=binding, asks=ASKS)


@pytest.mark.parametrize("first", [PAGE, PAGE[:1]], ids=["seen whole", "left at its head"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_constant_page_passes_nothing(rule: Rule, first: tuple[Event, ...]) -> None:
    verdict = verdict_of(rule, constant_pages(first, binding_of(rule)))
    assert verdict is None or verdict.outcome is not Outcome.PASS


# -- findings --------------------------------------------------------------------------------------------------------

CODE: Final = st.sampled_from(sorted(DEVIATIONS))
ACT: Final = st.sampled_from(
    ["ask", "ask:malformed", "ask:method", "ask:1.0", "enough", "cancel:rst", "cancel:fin", "close", "stop"]
)
BUDGET: Final = st.sampled_from(
    ["sibling_ms", "item_ms", "recover_ms", "failing_ms", "terminal_ms", "head_ms", "silent_ms", "grace_ms"]
)
STATUS: Final = st.sampled_from([200, 200, 200, 204, 206, 302, 404, 429, 500, 503])
HEADER: Final = st.sampled_from(
    [
        ("Content-Type", "text/event-stream"),
        ("content-type", 'text/event-stream; charset="latin-1"'),
        ("Content-Type", ""),
        ("Cache-Control", "max-age=0"),
        ("Cache-Control", ",,="),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "soon"),
        ("Content-Encoding", "gzip"),
        ("Content-Type", "application/x-ndjson"),
    ]
)
KEPT: Final = st.dictionaries(
    st.sampled_from(["type", "code", "error", "fatal", "processed", "errors", "totalRecords"]),
    st.one_of(st.sampled_from(["error", "data", ""]), st.integers(0, 3), st.booleans()),
)
SHAPED: Final = st.one_of(
    st.builds(Opened, STATUS, st.text(max_size=3), st.just("HTTP/1.1"), st.lists(HEADER, max_size=3).map(tuple)),
    st.builds(Item, st.integers(0, 9), st.integers(0, 9), st.text(max_size=3), st.text(max_size=9), st.integers(0, 99)),
    st.builds(item, st.integers(0, 5), st.one_of(st.none(), st.integers(-2, 5)), mark=st.text("123", max_size=1)),
    st.builds(
        Item,
        st.just(0),
        st.just(2),
        st.just("0"),
        st.sampled_from(['{"text":"a"}', "{", "1"]),
        st.just(0),
        kind=st.sampled_from(["error", "ping", ""]),
        kept=KEPT,
    ),
    st.builds(Completed, st.integers(0, 99), KEPT),
    st.builds(Meta, st.just("meta"), st.just(0), KEPT),
    st.builds(Deviation, CODE, st.integers(0, 99), st.text(max_size=5)),
    st.builds(Did, ACT),
    st.builds(Expired, BUDGET, st.floats(0, 9e9)),
    st.sampled_from([Closed("eof"), Closed("reset"), Closed("ours")]),
    *(
        st.builds(kind, **{f.name: ... for f in fields(kind)})
        for kind in EVENTS.values()
        if kind not in {Opened, Item, Deviation, Did, Expired, Closed, Completed, Meta}
    ),
)
VALUE: Final = st.one_of(st.integers(-3, 10**9), st.text(max_size=3), st.booleans())
ANYTHING: Final = st.builds(
    lambda rows, declared, method, binding: written(
        *rows, declared=declared, method=method, binding=binding, asks=ASKS
    ),
    st.lists(st.tuples(st.sampled_from(SESSIONS), st.floats(0, 1e6), SHAPED), max_size=25),
    st.dictionaries(st.sampled_from(sorted(DECLARED)), VALUE),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(sorted({*TYPES, "ws", "tcp", "grpc"})),
)


@settings(max_examples=400, deadline=None)
@given(ANYTHING)
def test_no_history_makes_a_check_crash(history: History) -> None:
    errors = [v.reason for v in judge(history, RULES, tuple(BY_ID)) if v.outcome is Outcome.ERROR]
    assert errors == []


@settings(max_examples=150, deadline=None)
@given(ANYTHING)
def test_a_finding_points_at_records_of_this_history_and_says_what_it_means(history: History) -> None:
    for rule in RULES:
        for finding in rule.check(history):
            assert all(0 <= index < len(history.records) for index in finding.evidence)
            assert finding.evidence == tuple(sorted(set(finding.evidence)))
            match finding.stance:
                case "held":
                    assert finding.evidence, f"{rule.id} held without evidence"
                case "broken":
                    assert finding.evidence, f"{rule.id} broken without evidence"
                    assert finding.expected
                    assert finding.got
                case "unknown":
                    assert finding.reason


@settings(max_examples=100, deadline=None)
@given(ANYTHING)
def test_judging_twice_says_the_same(history: History) -> None:
    assert judge(history, RULES, tuple(BY_ID)) == judge(history, RULES, tuple(BY_ID))


# -- deviations ------------------------------------------------------------------------------------------------------

# Codes that no rule reads, and why.
OURS: Final = "our limit, not theirs (standing condition 1)"
UNREAD: Final = {
    **dict.fromkeys(("chunk.line-too-long", "chunk.trailers-too-long", "coding.too-large"), OURS),
    **dict.fromkeys(("sse.data-too-deep", "sse.line-too-long", "sse.event-too-long"), OURS),
    **dict.fromkeys(("ndjson.line-too-long", "ndjson.too-deep"), OURS),
    **dict.fromkeys(("array.element-too-long", "array.too-deep"), OURS),
    "ndjson.crlf": "ndjson-spec §3.1 lets a CR stand before the LF",
    "json.duplicate-name": "legal (RFC 8259 §4)",
    "json.huge-number": "legal (RFC 8259 §6)",
}
SOURCED: Final = re.compile(r"(chunk|sse|body|ndjson|array|json|coding)\.|head\.length")
BINDINGS: Final = {"ndjson": "ndjson", "array": "json_array", "json": "json_array"}


def broken_in(role: str, ends: tuple[Event, ...], code: str, *extra: Event) -> set[str]:
    """The rules that are broken where the second of three answers shows `extra`, coded if the code needs that."""
    binding = BINDINGS.get(code.partition(".")[0], "sse")
    usual = (("Content-Type", TYPES[binding]), ("Cache-Control", "no-store"), ("Transfer-Encoding", "chunked"))
    coded = (("Content-Encoding", "gzip"),) if code.startswith("coding.") else ()
    done = (Completed(9),) if binding == "json_array" else ()
    rows = [
        *told(f"{role}-1", ASK, head(*usual), item(0), *done, *ends),
        *told(f"{role}-2", ASK, head(*usual, *coded), item(0), *done, *extra, *ends, start_ms=50),
        *told(f"{role}-3", ASK, head(*usual), item(0), *done, *ends, start_ms=90),
    ]
    asks = {f"{role}-2": Ask(coding="gzip")} if coded else {}
    found = outcomes(written(*rows, declared={"profile.items": "json"}, binding=binding, asks=asks))
    return {rule for rule, outcome in found.items() if outcome in {Outcome.FAIL, Outcome.WARN}}


def broken_by(code: str) -> set[str]:
    """The rules that some stream with this deviation breaks."""
    found: set[str] = set()
    for role, ends in product(("look", "finite"), ((Ended("chunked", 30), EOF), (EOF,))):
        found |= broken_in(role, ends, code, Deviation(code, 30)) - broken_in(role, ends, code)
    return found


@pytest.mark.parametrize("code", [code for code in DEVIATIONS if SOURCED.match(code)])
def test_every_deviation_is_read_by_some_rule_or_excused(code: str) -> None:
    assert bool(broken_by(code)) is (code not in UNREAD)


def test_an_excuse_is_for_a_deviation_that_exists() -> None:
    assert set(UNREAD) <= set(DEVIATIONS)
