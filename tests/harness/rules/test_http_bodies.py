"""SSE-13, CJ-09, CJ-12 at their edges: lengths, ends and codings of every body over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from streamspec.harness.core.event import Deviation, Ended, Event, Opened
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, TYPES, chunked, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
TYPE = ("Content-Type", "text/event-stream")

# -- lengths -----------------------------------------------------------------------------------------------------------

LENGTH = (TYPE, ("Content-Length", "100"))


@pytest.mark.parametrize(
    ("outcome", "role", "headers", "events"),
    [
        ("PASS", "finite", LENGTH, (item(0), Ended("length", 100), EOF)),
        ("PASS", "look", (TYPE,), (item(0), *CLOSE)),
        ("PASS", "look", (TYPE,), (item(0), Ended("close", 9), EOF)),
        ("PASS", "finite", (TYPE,), (item(0), ENDED, RESET)),
        ("FAIL", "finite", LENGTH, (item(0), Deviation("body.short", 80), EOF)),
        ("FAIL", "finite", LENGTH, (item(0), Ended("length", 100), Deviation("body.excess", 220), EOF)),
        ("FAIL", "failing", LENGTH, (item(0), Ended("length", 100), Deviation("body.excess", 220), EOF)),
        ("FAIL", "failing", LENGTH, (Deviation("head.length-and-coding", 17), item(0), EOF)),
        ("FAIL", "look", LENGTH, (Deviation("head.lengths-differ", 17), item(0), *CLOSE)),
        ("FAIL", "look", LENGTH, (Deviation("head.length-invalid", 17), item(0), *CLOSE)),
        ("INCONCLUSIVE", "look", LENGTH, (item(0), *CLOSE)),
        ("INCONCLUSIVE", "failing", LENGTH, (item(0), Deviation("body.short", 80), EOF)),
        ("INCONCLUSIVE", "look", (TYPE,), (ENDED, EOF)),
    ],
)
def test_a_length_is_kept(
    rule_on: RuleOn, outcome: str, role: str, headers: tuple[tuple[str, str], ...], events: tuple[Event, ...]
) -> None:
    assert rule_on("SSE-13", written(*told(role, ASK, head(*headers), *events))).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "role"),
    [("FAIL", "finite"), ("FAIL", "empty"), ("FAIL", "text"), ("INCONCLUSIVE", "look"), ("INCONCLUSIVE", "large")],
)
@pytest.mark.parametrize("binding", ["sse", "ndjson", "json_array"])
def test_a_length_that_is_not_reached_is_held_against_those_who_must_succeed(
    rule_on: RuleOn, outcome: str, role: str, binding: str
) -> None:
    """Elsewhere it may be a failure that shows itself, or a slow client that was let go."""
    opened = head(("Content-Type", TYPES[binding]), ("Content-Length", "100"))
    history = written(*told(role, ASK, opened, item(0), Deviation("body.short", 80), EOF), binding=binding)
    assert rule_on("SSE-13", history).outcome == outcome


# -- an end that can be told -------------------------------------------------------------------------------------------

LINES = ("Content-Type", "application/x-ndjson")
CLOSED = (item(0), Ended("close", 20), EOF)


@pytest.mark.parametrize(
    ("outcome", "role", "opened", "events"),
    [
        ("PASS", "look", chunked("ndjson"), (item(0), *CLOSE)),
        ("PASS", "finite", chunked("ndjson"), (item(0), ENDED, EOF)),
        ("PASS", "finite", head(LINES, ("Content-Length", "20")), (item(0), Ended("length", 20), *CLOSE)),
        ("WARN", "look", head(LINES), CLOSED),
        ("WARN", "finite", head(LINES, ("Connection", "close")), CLOSED),
        ("INCONCLUSIVE", "look", head(LINES), (item(0), *CLOSE)),
        ("INCONCLUSIVE", "look", head(LINES), CLOSED[1:]),
        ("INCONCLUSIVE", "endless", head(LINES), CLOSED),
        ("INCONCLUSIVE", "failing", head(LINES), CLOSED),
        ("INCONCLUSIVE", "finite", replace(head(LINES), version="HTTP/1.0"), CLOSED),
    ],
)
@pytest.mark.parametrize("binding", ["ndjson", "json_array"])
def test_an_end_can_be_told_from_a_cut(
    rule_on: RuleOn, outcome: str, role: str, opened: Opened, events: tuple[Event, ...], binding: str
) -> None:
    assert rule_on("CJ-09", written(*told(role, ASK, opened, *events), binding=binding)).outcome == outcome


# -- codings -----------------------------------------------------------------------------------------------------------


def answered(coding: str, *events: Event, accept: str = "", asked: Ask | None = None, status: int = 200) -> History:
    headers = (TYPE, *((("Content-Encoding", coding),) if coding else ()))
    rows = told("look", ASK, head(*headers, status=status), *events)
    history = written(*rows, asks={"look": asked} if asked else {})
    if not accept:
        return history
    requests = {"look": Request("http://127.0.0.1:1/look", headers=(("accept-encoding", accept),))}
    return replace(history, header=replace(history.header, requests=requests))


@pytest.mark.parametrize(
    ("outcome", "history"),
    [
        ("PASS", answered("", item(0), *CLOSE)),
        ("PASS", answered("identity", item(0), *CLOSE)),
        ("PASS", answered("", item(0), *CLOSE, accept="Identity")),
        ("WARN", answered("gzip", *CLOSE)),
        ("WARN", answered("br", ENDED, *CLOSE, accept="identity")),
        ("INCONCLUSIVE", answered("", *CLOSE)),
        ("INCONCLUSIVE", answered("gzip", ENDED, *CLOSE, status=404)),
        ("INCONCLUSIVE", answered("gzip", *CLOSE, asked=Ask(coding="gzip"))),
        ("INCONCLUSIVE", answered("gzip", *CLOSE, accept="gzip, deflate")),
    ],
)
def test_a_coding_comes_only_where_it_was_accepted(rule_on: RuleOn, outcome: str, history: History) -> None:
    assert rule_on("CJ-12", history).outcome == outcome
