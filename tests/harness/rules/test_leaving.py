"""CN-02, CN-04, CN-08 and CN-11 on servers, at their edges: slow tickers, other traffic, and streams that linger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Did, Item, Lagged, Record, Told
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.written import ASK, CLOSE, EOF, head, told, written
from streamspec.harness.rules._accounts import tells
from streamspec.harness.rules.leaving import CN_08, CN_11, both, opened_and_left, ticked, ticking
from streamspec.harness.rules.leaving_learnt import CN_02, cleaned, idle

RuleOn = Callable[[str, History], Verdict]
FOR_EVER: Final = 1e9
HEARS: Final = opened_and_left(100, 100, 100, how="fin")


# -- production ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "lives_ms"),
    [
        ("PASS", (0, 0, 0, 0)),
        ("PASS", (0,)),
        ("PASS", (300, 1_000, 2_500, 3_500)),
        ("FAIL", (FOR_EVER,) * 4),
        # the first round only shows at what pace the total moves anyway
        ("INCONCLUSIVE", (FOR_EVER,) * 3),
        # the counter never stands still again
        ("INCONCLUSIVE", (FOR_EVER, 0, 0, 0)),
        ("INCONCLUSIVE", (0, FOR_EVER, FOR_EVER, 0)),
        ("INCONCLUSIVE", (0, 0, 0, FOR_EVER)),
    ],
)
def test_production_is_late_when_it_is_so_three_times(
    rule_on: RuleOn, outcome: str, lives_ms: tuple[float, ...]
) -> None:
    assert rule_on("CN-08", ticked(*lives_ms)).outcome == outcome


@pytest.mark.parametrize("tick_ms", [5, 20, 100, 400])
def test_a_ticker_of_any_pace_that_goes_on_is_seen(rule_on: RuleOn, tick_ms: int) -> None:
    assert rule_on("CN-08", ticked(*(FOR_EVER,) * 4, tick_ms=tick_ms)).outcome == "FAIL"


@pytest.mark.parametrize("tick_ms", [5, 20, 100])
def test_and_one_that_stops(rule_on: RuleOn, tick_ms: int) -> None:
    assert rule_on("CN-08", ticked(0, 0, 0, 0, tick_ms=tick_ms)).outcome == "PASS"


@pytest.mark.parametrize("tick_ms", [600, 1_000])
def test_a_slow_ticker_that_stands_still_for_half_a_second_shows_nothing(rule_on: RuleOn, tick_ms: int) -> None:
    for life_ms in (0.0, FOR_EVER):
        history = ticked(*(life_ms,) * 4, tick_ms=tick_ms, watch_ms=500)
        assert rule_on("CN-08", history).outcome == "INCONCLUSIVE"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 2_900), min_size=4, max_size=4),
    st.sampled_from([5, 20, 50]),
    st.floats(0, 2),
    st.sampled_from([0, 500, 5_000]),
)
def test_no_honest_ticker_fails_whatever_others_do_at_a_steady_pace(
    lives_ms: list[float], tick_ms: int, rate: float, watch_ms: int
) -> None:
    history = ticked(*lives_ms, tick_ms=tick_ms, rate=rate, watch_ms=watch_ms)
    assert {v.outcome for v in judge(history, [CN_08], ["CN-08"])} <= {"PASS", "INCONCLUSIVE"}


def test_a_burst_at_the_beginning_is_no_pace(rule_on: RuleOn) -> None:
    """What was kept for newcomers comes at once; how often something new comes is not known then."""
    rows = ticking(0, 0, 0, 0)
    few = [row for row in rows if not isinstance(row[2], Item) or row[2].n < 2]
    assert rule_on("CN-08", written(*few, declared=tells())).outcome == "INCONCLUSIVE"


def test_without_an_account_after_the_leaving_nothing_is_known(rule_on: RuleOn) -> None:
    rows = ticking(FOR_EVER, FOR_EVER, FOR_EVER, FOR_EVER)
    left = {row[0]: row[1] for row in rows if isinstance(row[2], Did) and row[2].act.startswith("cancel")}
    early = [row for row in rows if not isinstance(row[2], Told) or row[1] < left[row[0]]]
    assert rule_on("CN-08", written(*early, declared=tells())).outcome == "INCONCLUSIVE"


def test_a_machine_that_stood_still_saw_no_production(rule_on: RuleOn) -> None:
    history = ticked(*(FOR_EVER,) * 4)
    lags = [
        Record(len(history.records) + n, cancel.t_ns + 4 * 10**9, "", "harness", Lagged(4_000))
        for n, cancel in enumerate(r for r in history.of(Did) if r.event == Did("cancel:fin"))
    ]
    assert rule_on("CN-08", History(history.header, (*history.records, *lags))).outcome == "INCONCLUSIVE"


def test_a_stream_that_was_over_was_not_left(rule_on: RuleOn) -> None:
    rows = [row for row in ticking(*(FOR_EVER,) * 4) if not isinstance(row[2], Did) or "cancel" not in row[2].act]
    ended = [*rows, *((f"endless-fin-{n}", 1e6 * n, EOF) for n in range(1, 5))]
    assert rule_on("CN-08", written(*ended, declared=tells())).outcome == "INCONCLUSIVE"


# -- resets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "gone_ms"),
    [
        ("PASS", (100, 100, 100)),
        ("PASS", (100, 900, 4_000)),
        ("FAIL", (FOR_EVER,) * 3),
        ("INCONCLUSIVE", (FOR_EVER, FOR_EVER, 100)),
        ("INCONCLUSIVE", (100, FOR_EVER, FOR_EVER)),
        ("INCONCLUSIVE", (FOR_EVER,) * 2),
    ],
)
def test_a_reset_is_no_cancel_when_it_is_so_every_time(
    rule_on: RuleOn, outcome: str, gone_ms: tuple[float, ...]
) -> None:
    assert rule_on("CN-11", both(HEARS, opened_and_left(*gone_ms, how="rst"))).outcome == outcome


def test_who_tells_of_no_leaving_at_all_may_tell_late(rule_on: RuleOn) -> None:
    fin, rst = (opened_and_left(*(FOR_EVER,) * 3, how=how) for how in ("fin", "rst"))
    verdict = rule_on("CN-11", both(fin, rst))
    assert verdict.reason == "it tells of no leaving in time, however the client leaves"


def test_going_on_after_any_leaving_is_one_finding() -> None:
    rows = (*ticking(*(FOR_EVER,) * 4), *ticking(*(FOR_EVER,) * 4, how="rst"))
    later = [(s, at + (60_000 if "rst" in s else 0), event) for s, at, event in rows]
    moved = [
        (s, at, Told(int(at * 1e6), {"produced": int(at)}) if isinstance(event, Told) else event)
        for s, at, event in later
    ]
    history = written(*moved, declared=tells("stream"))
    verdicts = {v.rule: v for v in judge(history, [CN_08, CN_11], ["CN-08", "CN-11"])}
    assert verdicts["CN-08"].outcome == "FAIL"
    assert verdicts["CN-11"].reason == "follows from CN-08"


# -- who waits for something to send ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "learnt"),
    [("PASS", (1, 2, 3)), ("WARN", ()), ("INCONCLUSIVE", (1,)), ("INCONCLUSIVE", (3,)), ("INCONCLUSIVE", (1, 2))],
)
def test_all_or_none_of_the_idle_learn_of_it(rule_on: RuleOn, outcome: str, learnt: tuple[int, ...]) -> None:
    assert rule_on("CN-02", idle(*learnt)).outcome == outcome


@pytest.mark.parametrize(("outcome", "heartbeat_ms"), [("WARN", 0), ("WARN", 1_000), ("INCONCLUSIVE", 5_000)])
def test_who_sends_heartbeats_learns_of_it_by_them(rule_on: RuleOn, outcome: str, heartbeat_ms: int) -> None:
    assert rule_on("CN-02", idle(heartbeat_ms=heartbeat_ms)).outcome == outcome


@pytest.mark.parametrize("declared", [{}, tells("run", "open"), tells("run", "cancelled")])
def test_every_figure_must_be_known_to_be_of_all_streams(rule_on: RuleOn, declared: dict[str, str]) -> None:
    history = idle()
    header = replace(history.header, declared=dict(declared))
    assert rule_on("CN-02", History(header, history.records)).outcome == "INCONCLUSIVE"


def test_an_idle_stream_that_was_refused_says_so(rule_on: RuleOn) -> None:
    assert rule_on("CN-02", written(*told("idle-1", ASK, head(status=404), *CLOSE))).reason == "idle answered 404"


# -- cleanups --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "rises", "usual"),
    [
        ("PASS", (1, 1, 1), 1),
        ("PASS", (2, 2, 2), 2),
        ("PASS", (0, 1, 1, 1), 1),
        ("FAIL", (0, 0, 0), 1),
        ("FAIL", (2, 2, 3), 1),
        ("FAIL", (1, 2, 2, 2), 1),
        ("INCONCLUSIVE", (1, 1, 2), 1),
        ("INCONCLUSIVE", (0, 1, 0), 1),
        ("INCONCLUSIVE", (0, 0), 1),
        ("INCONCLUSIVE", (1, 1, 1), 3),
        ("INCONCLUSIVE", (1, 1, 1), 0),
    ],
)
def test_cleanups_are_those_of_a_stream_that_ended_by_itself(
    rule_on: RuleOn, outcome: str, rises: tuple[int, ...], usual: int
) -> None:
    assert rule_on("CN-04", cleaned(*rises, usual=usual)).outcome == outcome


def test_a_cleanup_that_has_not_run_yet_may_be_slow(rule_on: RuleOn) -> None:
    assert rule_on("CN-04", cleaned(0, 0, 0, watched_ms=3_000)).outcome == "INCONCLUSIVE"


# -- none of them crashes --------------------------------------------------------------------------------------------

RULES: Final = (CN_02, CN_08, CN_11)
FIGURES: Final = st.dictionaries(
    st.sampled_from(["produced", "open", "ended", "cancelled", "cleanups", "sending"]),
    st.one_of(st.integers(-5, 5), st.booleans(), st.text(max_size=2)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FIGURES, min_size=60, max_size=60), st.sampled_from(["run", "stream", ""]))
def test_whatever_is_told_no_check_crashes(figures: list[dict[str, int | str]], per: str) -> None:
    told_ = iter(figures * 20)
    rows = [
        (s, at, Told(int(at * 1e6), next(told_)) if isinstance(event, Told) else event)
        for s, at, event in (*ticking(0, 0, 0), *ticking(0, 0, how="rst"))
    ]
    history = written(*rows, declared=tells(per))
    assert "ERROR" not in {v.outcome for v in judge(history, RULES, [r.id for r in RULES])}
