"""CJ-02 and CJ-11 at their edges: a cut is a failure that shows itself, a limit of ours is no fault of theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.deviations import DEVIATIONS
from streamspec.harness.core.event import Deviation, Did, Ended, Event, Refused
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, TYPES, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
TYPE = ("Content-Type", "text/event-stream")
CUT = Deviation("chunk.no-last", 80)


def chunked(role: str, *events: Event, coding: str = "chunked") -> History:
    return written(*told(role, ASK, head(TYPE, ("Transfer-Encoding", coding)), *events))


@pytest.mark.parametrize(
    ("outcome", "role", "events"),
    [
        ("PASS", "look", (item(0), ENDED, EOF)),
        ("PASS", "look", (item(0), *CLOSE)),
        ("INCONCLUSIVE", "endless", (item(0), CUT, EOF)),
        ("INCONCLUSIVE", "failing", (item(0), CUT, EOF)),
        ("PASS", "finite", (item(0), RESET)),
        ("PASS", "finite", (item(0), *CANCEL)),
        ("PASS", "look", (item(0), Did("enough"), Deviation("chunk.size", 99), *CLOSE)),
        ("FAIL", "finite", (item(0), CUT, EOF)),
        ("INCONCLUSIVE", "look", (ENDED, EOF)),
        ("INCONCLUSIVE", "failing", (CUT, EOF)),
    ],
)
def test_chunks_are_well_formed(rule_on: RuleOn, outcome: str, role: str, events: tuple[Event, ...]) -> None:
    assert rule_on("CJ-02", chunked(role, *events)).outcome == outcome


@pytest.mark.parametrize("code", ["chunk.size", "chunk.bare-lf", "chunk.data-end", "chunk.trailer"])
@pytest.mark.parametrize("role", ["look", "finite", "failing", "endless"])
def test_every_fault_of_the_grammar_fails_in_every_role(rule_on: RuleOn, code: str, role: str) -> None:
    assert code in DEVIATIONS
    verdict = rule_on("CJ-02", chunked(role, item(0), Deviation(code, 80, "0x1f"), *CLOSE))
    assert verdict.outcome == "FAIL"
    assert verdict.findings[0].got.endswith(": 0x1f (octet 80 of the response)")


def test_our_own_limit_on_a_chunk_line_is_no_fault_of_theirs(rule_on: RuleOn) -> None:
    """RFC 9112 §7.1.1 sets no length for a chunk extension (standing condition 1)."""
    history = chunked("look", item(0), Deviation("chunk.line-too-long", 80, "limit 4096 octets"), *CLOSE)
    assert rule_on("CJ-02", history).outcome != "FAIL"


def test_our_own_limit_on_trailers_is_no_fault_of_theirs(rule_on: RuleOn) -> None:
    history = chunked("look", item(0), Deviation("chunk.trailers-too-long", 80, "limit 16384 octets"), *CLOSE)
    assert rule_on("CJ-02", history).outcome != "FAIL"


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED"])
def test_the_coding_has_no_case(rule_on: RuleOn, coding: str) -> None:
    assert rule_on("CJ-02", chunked("look", item(0), ENDED, EOF, coding=coding)).outcome == "PASS"


def test_a_body_that_was_not_chunked_proves_no_chunking(rule_on: RuleOn) -> None:
    assert rule_on("CJ-02", written(*told("look", ASK, head(TYPE), item(0), ENDED, EOF))).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("binding", ["sse", "ndjson", "json_array"])
@pytest.mark.parametrize(("outcome", "role"), [("FAIL", "finite"), ("FAIL", "text"), ("INCONCLUSIVE", "empty")])
def test_a_last_chunk_is_owed_in_every_binding(rule_on: RuleOn, outcome: str, role: str, binding: str) -> None:
    """The cut of a stream without an item is LC-08's."""
    opened = head(("Content-Type", TYPES[binding]), ("Transfer-Encoding", "chunked"))
    history = written(*told(role, ASK, opened, *((item(0),) if role != "empty" else ()), CUT, EOF), binding=binding)
    assert rule_on("CJ-02", history).outcome == outcome


# -- none under HTTP/1.0 -----------------------------------------------------------------------------------------------

OLD = Did("ask:1.0")
CHUNKED, PLAIN = ("Transfer-Encoding", "chunked"), ("Content-Type", "text/event-stream")


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (OLD, head(PLAIN), item(0), *CLOSE)),
        ("PASS", (OLD, head(PLAIN), item(0), Ended("close", 9), EOF)),
        ("FAIL", (OLD, head(PLAIN, CHUNKED), item(0), *CLOSE)),
        ("FAIL", (OLD, head(PLAIN, ("transfer-encoding", "identity")), item(0), *CLOSE)),
        ("FAIL", (OLD, head(CHUNKED, status=426), ENDED, EOF)),
        ("INCONCLUSIVE", (OLD, head(PLAIN), *CLOSE)),
        ("INCONCLUSIVE", (OLD, head(PLAIN, status=505), ENDED, EOF)),
        ("INCONCLUSIVE", (OLD, Refused("closed"))),
        ("INCONCLUSIVE", (ASK, head(PLAIN, CHUNKED), item(0), *CLOSE)),
        ("INCONCLUSIVE", (Did("ask:method"), head(PLAIN, CHUNKED), item(0), *CLOSE)),
    ],
)
def test_a_client_of_http_1_0_gets_no_chunks(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("CJ-11", written(*told("look", *events))).outcome == outcome
