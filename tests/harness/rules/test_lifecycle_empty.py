"""LC-08 over a wire, at its edges: how a stream without an item may end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import (
    Completed,
    Deviation,
    Ended,
    Event,
    Expired,
    Failed,
    Heartbeat,
    Lagged,
    Refused,
)
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import (
    ASK,
    CLOSE,
    ENDED,
    EOF,
    RESET,
    TYPES,
    Row,
    chunked,
    head,
    item,
    told,
    written,
)

RuleOn = Callable[[str, History], Verdict]
ALIVE = told("look", ASK, head(), item(0), *CLOSE)
STAYS = (Expired("item_ms", 5000), *CLOSE)


def rounds(*each: tuple[Event, ...], binding: str = "sse", before: tuple[Row, ...] = ALIVE) -> History:
    rows = (row for n, events in enumerate(each, 1) for row in told(f"empty-{n}", ASK, *events, start_ms=6000 * n))
    return written(*before, *rows, binding=binding)


@pytest.mark.parametrize("binding", TYPES)
@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (ENDED, EOF)),
        ("PASS", (Ended("length", 0), *CLOSE)),
        ("PASS", (Heartbeat(), ENDED, EOF)),
        ("PASS", (Completed(), ENDED, RESET)),
        ("FAIL", (Failed("X"), ENDED, EOF)),
        ("FAIL", (Deviation("chunk.no-last", 80), EOF)),
        ("FAIL", (EOF,)),
        ("FAIL", (RESET,)),
        ("FAIL", STAYS),
        ("INCONCLUSIVE", (Ended("close", 0), EOF)),
        ("INCONCLUSIVE", (item(0), ENDED, EOF)),
        ("INCONCLUSIVE", CLOSE),
    ],
)
def test_an_empty_stream_ends_cleanly(rule_on: RuleOn, outcome: str, events: tuple[Event, ...], binding: str) -> None:
    assert rule_on("LC-08", rounds(*((chunked(binding), *events),) * 3, binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("PASS", 204), ("PASS", 205), ("FAIL", 500), *(("INCONCLUSIVE", n) for n in (302, 401, 404, 429, 503))],
)
def test_an_empty_stream_may_be_a_status(rule_on: RuleOn, outcome: str, status: int) -> None:
    assert rule_on("LC-08", rounds(*((head(status=status), ENDED, EOF),) * 3)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "each"),
    [
        ("FAIL", ((head(), *STAYS), (head(), EOF), (head(status=500), ENDED, EOF))),
        ("PASS", ((head(), *STAYS), (head(), *STAYS), (head(), ENDED, EOF))),
        ("INCONCLUSIVE", ((head(), *STAYS), (head(), *STAYS))),
        ("INCONCLUSIVE", ((head(), *STAYS), (head(), *STAYS), (head(status=429), EOF))),
    ],
)
def test_it_counts_three_times_out_of_three(rule_on: RuleOn, outcome: str, each: tuple[tuple[Event, ...], ...]) -> None:
    assert rule_on("LC-08", rounds(*each)).outcome == outcome


def test_our_own_stall_is_no_wait_of_theirs(rule_on: RuleOn) -> None:
    stalls = tuple(("", 6000.0 * n + 3000, Lagged(4000)) for n in (1, 2, 3))
    history = rounds(*((head(), *STAYS),) * 3, before=(*ALIVE, *stalls))
    assert rule_on("LC-08", history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(("outcome", "before"), [("FAIL", ALIVE), ("INCONCLUSIVE", ())])
def test_a_close_before_any_answer_is_held_against_a_server_that_lives(
    rule_on: RuleOn, outcome: str, before: tuple[Row, ...]
) -> None:
    assert rule_on("LC-08", rounds(*((Refused("closed"),),) * 3, before=before)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "kind", "size"),
    [("INCONCLUSIVE", "text/html", 9), ("PASS", "text/html", 0), ("PASS", "text/event-stream", 9)],
)
def test_a_page_is_no_empty_stream(rule_on: RuleOn, outcome: str, kind: str, size: int) -> None:
    page = (head(("Content-Type", kind)), Ended("length", size), *CLOSE)
    assert rule_on("LC-08", rounds(page, page, page)).outcome == outcome
