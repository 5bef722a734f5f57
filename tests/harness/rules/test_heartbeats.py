"""HB-01 and HB-02 at their edges: what is a sign of life, what is silence, and who was listening."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Deviation, Did, Event, Expired, Heartbeat, Item, Lagged, Meta
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CLOSE, EOF, Row, account, chunked, item, told, written

RuleOn = Callable[[str, History], Verdict]
Timed = tuple[float, Event]
EVERY_MS = 400
OVER_MS = 5000.0
SILENT: tuple[Timed, ...] = ((OVER_MS, Expired("silent_ms", 4990)),)


def watched(
    *each: tuple[Timed, ...], binding: str = "sse", every_ms: int = EVERY_MS, lag: Timed | None = None
) -> History:
    """Streams whose item came at 10 ms, and what was seen of each at which time. Silence is late from 2600 ms on."""
    rows: list[Row] = [("", lag[0], lag[1])] if lag else []
    for n, timed in enumerate(each, 1):
        rows += told(f"idle-{n}", ASK, chunked(binding), item(0), step_ms=5)
        rows += [(f"idle-{n}", at_ms, event) for at_ms, event in timed]
    return written(*rows, binding=binding, declared={"idle.heartbeat_ms": every_ms})


def beats(*at_ms: float) -> tuple[Timed, ...]:
    return tuple((at, Heartbeat()) for at in at_ms)


@pytest.mark.parametrize("binding", ["sse", "ndjson"])
@pytest.mark.parametrize(
    ("outcome", "timed"),
    [
        ("PASS", (*beats(410, 810, 1210, 3000), *SILENT)),
        ("PASS", (*beats(2600, 4990), *SILENT)),
        ("PASS", (*beats(*range(20, 4000, 20)), *SILENT)),
        ("PASS", (*beats(2500), (OVER_MS, EOF))),
        ("WARN", SILENT),
        ("WARN", (*beats(410), *SILENT)),
        ("WARN", (*beats(2700), *SILENT)),
        ("INCONCLUSIVE", ((2000.0, EOF),)),
        ("INCONCLUSIVE", ((2000.0, CLOSE[0]), (2000.0, CLOSE[1]))),
        ("INCONCLUSIVE", ((2000.0, Expired("silent_ms", 1990)),)),
    ],
)
def test_silence_is_late_behind_the_interval_and_a_half(
    rule_on: RuleOn, outcome: str, timed: tuple[Timed, ...], binding: str
) -> None:
    assert rule_on("HB-01", watched(timed, timed, timed, binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    "sign",
    [Heartbeat(), Meta("meta"), item(1, kind="ping"), Deviation("sse.field", 9), Deviation("ndjson.empty-line", 9)],
)
def test_any_octet_is_a_sign_of_life(rule_on: RuleOn, sign: Event) -> None:
    timed = ((2000.0, sign), (4000.0, sign), *SILENT)
    assert rule_on("HB-01", watched(timed, timed, timed)).outcome == "PASS"


@pytest.mark.parametrize(
    ("outcome", "each"),
    [
        ("WARN", (SILENT,) * 3),
        ("INCONCLUSIVE", (SILENT,) * 2),
        ("INCONCLUSIVE", (SILENT, SILENT, (*beats(2000, 4000), *SILENT))),
        ("INCONCLUSIVE", (SILENT, SILENT, ((1000.0, EOF),))),
    ],
)
def test_silence_counts_three_times_out_of_three(
    rule_on: RuleOn, outcome: str, each: tuple[tuple[Timed, ...], ...]
) -> None:
    assert rule_on("HB-01", watched(*each)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "lag"),
    [
        ("INCONCLUSIVE", (3000.0, Lagged(700))),
        ("WARN", (3000.0, Lagged(300))),
        ("WARN", (9000.0, Lagged(2000))),
    ],
)
def test_our_own_stall_is_no_silence_of_theirs(rule_on: RuleOn, outcome: str, lag: Timed) -> None:
    assert rule_on("HB-01", watched(SILENT, SILENT, SILENT, lag=lag)).outcome == outcome


@pytest.mark.parametrize("rule", ["HB-01", "HB-02"])
@pytest.mark.parametrize("busy", [account(100.0, open=1), Did("stall")])
def test_who_was_not_reading_heard_nothing(rule_on: RuleOn, rule: str, busy: Event) -> None:
    timed = ((100.0, busy), *SILENT)
    assert rule_on(rule, watched(timed, timed, timed)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", ["HB-01", "HB-02"])
def test_without_a_declared_interval_nothing_is_late(rule_on: RuleOn, rule: str) -> None:
    assert rule_on(rule, watched(SILENT, SILENT, SILENT, every_ms=0)).outcome == "INCONCLUSIVE"


# -- heartbeats that are items -----------------------------------------------------------------------------------------


def items(*at_ms: float, kind: str = "", payload: str = '{"n":1}') -> tuple[Timed, ...]:
    return tuple((at, Item(n, len(payload), "0", payload, 20 * n, kind)) for n, at in enumerate(at_ms, 1))


@pytest.mark.parametrize("binding", ["sse", "ndjson"])
@pytest.mark.parametrize(
    ("outcome", "timed"),
    [
        ("PASS", beats(410, 810)),
        ("PASS", ((410.0, Meta("meta")),)),
        ("PASS", (*items(15), *beats(410))),  # two at once, and then none
        ("WARN", items(410, 810, 1210)),
        ("WARN", items(410, 810)),
        ("INCONCLUSIVE", items(410)),
        ("INCONCLUSIVE", items(15, 20, 25)),
        ("INCONCLUSIVE", items(4000, 8000)),  # no rhythm of heartbeats
        ("INCONCLUSIVE", (*items(410, 810), *beats(1210))),
        ("INCONCLUSIVE", items(410, 810, kind="heartbeat")),
        ("INCONCLUSIVE", items(410, 810, kind="Keep-Alive")),
        ("INCONCLUSIVE", items(410, 810, payload='{ "type" : "ping" }')),
        ("INCONCLUSIVE", ()),
    ],
)
def test_a_heartbeat_is_no_item(rule_on: RuleOn, outcome: str, timed: tuple[Timed, ...], binding: str) -> None:
    assert rule_on("HB-02", watched(timed, binding=binding)).outcome == outcome
