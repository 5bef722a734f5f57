"""BP-07, BP-09 and BP-11 on servers, at their edges: policies, serial servers, and producers that were not blocked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from streamspec.harness.core.event import Closed, Did, Elided, Event, Expired, Failed, Lagged, Record, Refused, Told
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, head, item
from streamspec.harness.rules.stalls import beside, blocked, stalled

RuleOn = Callable[[str, History], Verdict]
SERVED: Final = (ASK, head(), item(0), *CLOSE)
UNSERVED: Final = (ASK, Expired("look_ms", 2_000))
STUCK: Final = ({"sending": 1, "produced": 0},) * 9


def lagging(history: History, from_ms: float, ms: float) -> History:
    lag = Record(len(history.records), int((from_ms + ms) * 1e6), "", "harness", Lagged(ms))
    return History(history.header, (*history.records, lag))


# -- neighbours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "looks"),
    [
        ("PASS", (SERVED,) * 3),
        ("FAIL", (UNSERVED,) * 3),
        ("INCONCLUSIVE", (UNSERVED, UNSERVED, SERVED)),
        ("INCONCLUSIVE", (UNSERVED,) * 2),
        ("INCONCLUSIVE", ((ASK, Refused("refused")),) * 3),
        ("INCONCLUSIVE", ((ASK, head(status=429), ENDED, EOF),) * 3),
        # answered, but for its item, and it was left before long
        ("INCONCLUSIVE", ((ASK, head(), *CLOSE),) * 3),
    ],
)
def test_every_look_beside_the_stall_must_be_late(
    rule_on: RuleOn, outcome: str, looks: tuple[tuple[Event, ...], ...]
) -> None:
    assert rule_on("BP-11", beside(*looks)).outcome == outcome


@pytest.mark.parametrize("control", [UNSERVED, (ASK, Refused("refused")), (ASK, head(status=503), ENDED, EOF)])
def test_a_server_that_serves_one_at_a_time_is_honest(rule_on: RuleOn, control: tuple[Event, ...]) -> None:
    assert rule_on("BP-11", beside(*(UNSERVED,) * 3, control=control)).outcome == "INCONCLUSIVE"


def test_the_control_counts_only_while_the_other_stream_is_read(rule_on: RuleOn) -> None:
    """An item that comes after the last of the large ones was not served beside them."""
    history = beside(*(UNSERVED,) * 3)
    moves = [r for r in history.records_of("large-moves-1") if r.t_ns > 1e9]
    cut = tuple(r for r in history.records if r not in moves[:1])
    renumbered = tuple(replace(r, index=n) for n, r in enumerate(cut))
    assert rule_on("BP-11", History(history.header, renumbered)).outcome == "INCONCLUSIVE"


def test_a_look_that_was_answered_when_the_stall_was_over_shows_nothing(rule_on: RuleOn) -> None:
    late = tuple(
        replace(r, t_ns=r.t_ns + 10**10) if r.session.startswith("look-stalls") else r
        for r in beside(*(SERVED,) * 3).records
    )
    ordered = tuple(replace(r, index=n) for n, r in enumerate(sorted(late, key=lambda r: r.t_ns)))
    assert rule_on("BP-11", History(beside(*(SERVED,) * 3).header, ordered)).outcome == "INCONCLUSIVE"


def test_a_machine_that_stood_still_accuses_nobody(rule_on: RuleOn) -> None:
    history = beside(*(UNSERVED,) * 3)
    for n in (1, 2, 3):
        history = lagging(history, 5_000 * n - 1_900, 1_950)
    assert rule_on("BP-11", history).outcome == "INCONCLUSIVE"


# -- its own items ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "numbers", "control"),
    [
        ("PASS", (1, 2, 3, 4), (1, 2, 3, 4)),
        ("PASS", (0, 1, 2, 3), (0, 1, 2, 3)),
        ("PASS", (5, 6, 7, 8), (1, 2, 3, 4)),
        ("PASS", (10, 20, 30, 40), (10, 20, 30, 40)),
        ("PASS", (1, 2, 3, 3, 4), (1, 2, 3, 4)),
        ("FAIL", (1, 2, 4), (1, 2, 3, 4)),
        ("FAIL", (1, 2, 3), (1, 2, 3, 4)),
        ("FAIL", (2, 3, 4), (1, 2, 3, 4)),
        ("FAIL", (1, 3, 2, 4), (1, 2, 3, 4)),
        ("FAIL", (7, 6, 8, 9), (1, 2, 3, 4)),
        # more than without a stall: what a stall adds is not lost
        ("PASS", (1, 2, 3, 4, 5), (1, 2, 3, 4)),
        ("INCONCLUSIVE", (4, 3, 2, 1), (4, 3, 2, 1)),
        ("INCONCLUSIVE", (1,), (1,)),
    ],
)
def test_what_came_is_what_comes_without_a_stall(
    rule_on: RuleOn, outcome: str, numbers: tuple[int, ...], control: tuple[int, ...]
) -> None:
    assert rule_on("BP-07", stalled(*numbers, control=control)).outcome == outcome


@pytest.mark.parametrize(
    "end",
    [(EOF,), (RESET,), (Failed("SLOW"), ENDED, EOF), (Expired("large_ms", 30_000), *CLOSE), (Did("enough"), *CLOSE)],
)
def test_a_client_that_was_dropped_or_that_left_lost_nothing(rule_on: RuleOn, end: tuple[Event, ...]) -> None:
    assert rule_on("BP-07", stalled(1, 2, end=end)).outcome == "INCONCLUSIVE"


def test_more_items_than_we_keep_prove_no_loss(rule_on: RuleOn) -> None:
    history = stalled(1, 2, 4)
    elided = Record(len(history.records), 10**12, "large-stalls-1", "harness", Elided("Item", 5, 100))
    assert rule_on("BP-07", History(history.header, (*history.records, elided))).outcome == "INCONCLUSIVE"


def test_another_backlog_is_no_control(rule_on: RuleOn) -> None:
    history = stalled(1, 2, 4)
    sessions = tuple(
        replace(s, options={"backlog_mib": 16}) if s.id == "large-moves-1" else s
        for s in history.header.script.sessions
    )
    header = replace(history.header, script=replace(history.header.script, sessions=sessions))
    verdict = rule_on("BP-07", History(header, history.records))
    assert verdict.reason == "no stream of the same size was read to its end without a stall"


def test_the_finding_names_what_is_missing(rule_on: RuleOn) -> None:
    (finding,) = rule_on("BP-07", stalled(1, 4)).findings
    assert (finding.expected, finding.got) == ("4 items, as without a stall", "2; missing 2, 3")


# -- its producer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "after"),
    [
        ("PASS", ({"sending": 0, "produced": 0},)),
        ("PASS", (*STUCK[:8], {"sending": 0, "produced": 0})),
        ("FAIL", STUCK),
        ("INCONCLUSIVE", STUCK[:6]),
        ("INCONCLUSIVE", ()),
        # inside another send
        ("INCONCLUSIVE", (*STUCK[:8], {"sending": 1, "produced": 1})),
    ],
)
def test_a_send_is_stuck_when_it_is_so_for_the_whole_budget(
    rule_on: RuleOn, outcome: str, after: tuple[dict[str, int], ...]
) -> None:
    assert rule_on("BP-09", blocked(*after)).outcome == outcome


def test_twice_is_chance(rule_on: RuleOn) -> None:
    assert rule_on("BP-09", blocked(*STUCK, times=2)).outcome == "INCONCLUSIVE"


def test_who_produced_until_we_left_was_not_blocked(rule_on: RuleOn) -> None:
    history = blocked({"sending": 0, "produced": 0})
    moving = tuple(
        replace(r, event=Told(r.event.asked_ns, {**r.event.values, "produced": r.index}))
        if isinstance(r.event, Told)
        else r
        for r in history.records
    )
    assert rule_on("BP-09", History(history.header, moving)).outcome == "INCONCLUSIVE"


def test_our_own_stall_accuses_no_send(rule_on: RuleOn) -> None:
    history = blocked(*STUCK)
    for n in (1, 2, 3):
        history = lagging(history, 10_000 * n + 1_000, 4_000)
    assert rule_on("BP-09", history).outcome == "INCONCLUSIVE"


def test_a_stream_that_the_target_closed_was_not_left(rule_on: RuleOn) -> None:
    history = blocked(*STUCK)
    closed = tuple(
        replace(r, event=Closed("reset")) if isinstance(r.event, Did) and r.event.act == "resume" else r
        for r in history.records
    )
    assert rule_on("BP-09", History(history.header, closed)).reason == "no stalled stream was left"
