"""LC-15 at its edges: what becomes of open streams when their server is asked to end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Lagged,
    Refused,
)
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
STOP = Did("stop")
GOES_ON = (item(1), Expired("grace_ms", 4_000), *CLOSE)


def stopped(*events: Event, binding: str = "sse", terminal: bool = True) -> History:
    rows = told("endless", ASK, chunked(binding), item(0), STOP, *events)
    return written(*rows, declared={"profile.terminal": terminal}, binding=binding)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("binding", ["sse", "ndjson", "json_array"])
@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (item(1), Failed("UNAVAILABLE"), ENDED, EOF)),
        ("PASS", (item(1), item(2), EOF)),
        ("PASS", (Deviation("chunk.no-last", 90), EOF)),
        ("PASS", (RESET,)),
        ("WARN", (item(1), Completed(), ENDED, EOF)),
        ("WARN", (Completed(), EOF)),
        ("INCONCLUSIVE", GOES_ON),
        ("INCONCLUSIVE", (item(1), Did("close"), Closed("ours"))),
    ],
)
def test_a_stream_ends_and_does_not_say_that_it_was_complete(
    rule_on: RuleOn, outcome: str, events: tuple[Event, ...], binding: str, *, terminal: bool
) -> None:
    assert rule_on("LC-15", stopped(*events, binding=binding, terminal=terminal)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "binding", "terminal"),
    [("PASS", "sse", False), ("PASS", "ndjson", True), ("INCONCLUSIVE", "ndjson", False)],
)
def test_a_clean_end_without_a_word_is_read_as_the_dialect_says(
    rule_on: RuleOn, outcome: str, binding: str, *, terminal: bool
) -> None:
    assert rule_on("LC-15", stopped(ENDED, EOF, binding=binding, terminal=terminal)).outcome == outcome


def several(*streams: tuple[Event, ...], lag_ms: float = 0.0) -> History:
    opened = (row for n in range(1, len(streams) + 1) for row in told(f"endless-{n}", ASK, head(), item(0)))
    ended = (row for n, each in enumerate(streams, 1) for row in told(f"endless-{n}", *each, start_ms=4_100))
    lagged = [("", 4_000.0, Lagged(lag_ms))] if lag_ms else []
    return written(*opened, ("endless-1", 100.0, STOP), *lagged, *ended, declared={"profile.terminal": True})


@pytest.mark.parametrize(
    ("outcome", "streams"),
    [
        ("WARN", (GOES_ON, GOES_ON, GOES_ON)),
        ("PASS", (GOES_ON, (EOF,), GOES_ON)),
        ("INCONCLUSIVE", (GOES_ON, GOES_ON)),
        ("WARN", (GOES_ON, (Completed(), ENDED, EOF), (EOF,))),
    ],
)
def test_late_is_a_server_of_which_every_stream_is(
    rule_on: RuleOn, outcome: str, streams: tuple[tuple[Event, ...], ...]
) -> None:
    assert rule_on("LC-15", several(*streams)).outcome == outcome


def test_a_machine_that_stood_still_accuses_nobody(rule_on: RuleOn) -> None:
    assert rule_on("LC-15", several(GOES_ON, GOES_ON, GOES_ON, lag_ms=2_500)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "rows",
    [
        told("endless", ASK, head(), item(0), Completed(), ENDED, EOF),
        told("endless", ASK, head(), item(0), Completed(), ENDED, EOF, STOP),
        told("endless", ASK, head(), item(0), EOF, STOP),
        told("endless", ASK, Refused("closed"), STOP),
        told("endless", ASK, head(status=503), STOP, ENDED, EOF),
        told("finite", ASK, head(), item(0), STOP, Completed(), ENDED, EOF),
    ],
    ids=["nobody asked", "over before", "cut before", "refused", "busy", "another role"],
)
def test_who_had_no_open_stream_is_not_judged(rule_on: RuleOn, rows: tuple[tuple[str, float, Event], ...]) -> None:
    assert rule_on("LC-15", written(*rows, declared={"profile.terminal": True})).outcome == "INCONCLUSIVE"


def test_a_message_whose_end_was_cut_behind_its_failure_ended_too(rule_on: RuleOn) -> None:
    assert rule_on("LC-15", stopped(Failed("UNAVAILABLE"), Expired("terminal_ms", 1_000), *CLOSE)).outcome == "PASS"
    assert rule_on("LC-15", stopped(Ended("close", 20), EOF)).outcome == "PASS"
