"""Time on scripted servers: how a stream ended for its reader, from when to when a limit ran, what a control says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.event import Completed, Event, Expired, Failed, Lagged
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, head, item, told
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_deadlines import DUE, FREE, due
from streamspec.harness.rules._scripted_idle import beating, busy
from streamspec.harness.rules._scripted_races import raced, stuck
from streamspec.harness.rules._scripted_times import CODED, end_of, given, limits, still_open
from streamspec.harness.rules.deadline_races import DL_04, DL_05, DL_06
from streamspec.harness.rules.deadlines import DL_01, DL_02
from streamspec.harness.rules.idle_limits import DL_08

if TYPE_CHECKING:
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Rule

STAYS = (Expired("item_ms", 5_000), *CLOSE)
OVER = (Failed("TIMED_OUT"), ENDED, EOF)


def outcome(rule: Rule, h: History) -> Outcome:
    return judge(h, (rule,), (rule.id,))[0].outcome


def ended(*events: Event, declared: dict[str, str | int | bool] = CODED, binding: str = "sse") -> tuple[str, str]:
    h = given(*told("script-due-x", ASK, head(), item(0), *events), options={}, declared=declared, binding=binding)
    end = end_of(h, "script-due-x")
    return (end.how, end.code) if end else ("", "")


@pytest.mark.parametrize(
    ("events", "how"),
    [
        (OVER, ("failed", "TIMED_OUT")),
        ((Completed(), ENDED, EOF), ("succeeded", "")),
        ((EOF,), ("failed", "")),
        ((RESET,), ("failed", "")),
        (STAYS, ("", "")),
        (CLOSE, ("", "")),
    ],
)
def test_a_stream_ends_with_a_word_or_a_cut_or_not_at_all(events: tuple[Event, ...], how: tuple[str, str]) -> None:
    assert ended(*events) == how


def test_a_whole_message_without_a_word_is_a_success_only_where_there_is_no_word() -> None:
    assert ended(ENDED, EOF, declared={}) == ("succeeded", "")
    assert ended(ENDED, EOF, binding="json_array") == ("failed", "")


def test_a_limit_begins_with_our_request_at_the_earliest_and_with_the_head_at_the_latest() -> None:
    rows = (("script-due-1", 100.0, ASK), ("script-due-1", 350.0, head()), ("script-due-1", 351.0, item(0)))
    (limit,) = limits(given(*rows, options={"script-due": {"deadline_ms": 500}}), "script-due", "deadline_ms")
    assert limit.earliest_ns == (100 + 500 - 10) * 1e6
    assert limit.latest_ns == (350 + 500 + 3_000) * 1e6


def test_a_stream_without_the_option_has_no_limit() -> None:
    h = given(*told("script-due-1", ASK, head(), item(0)), options={})
    assert limits(h, "script-due", "deadline_ms") == ()
    assert streams(h, "script-due") == ("script-due-1",)


def test_what_ran_out_while_we_stood_still_ourselves_says_nothing() -> None:
    h = due((5_000, STAYS), (5_000, STAYS), (5_000, STAYS))
    assert outcome(DL_01, h) is Outcome.FAIL
    lagged = [("", 10_000.0 * n + 4_900, Lagged(3_000)) for n in (1, 2, 3)]
    rows = [(r.session, r.t_ns / 1e6, r.event) for r in h.records]
    h = given(*rows, *lagged, options={"script-due": {"deadline_ms": 500}})
    assert [still_open(h, limit) for limit in limits(h, DUE[0], "deadline_ms")] == [None] * 3
    assert outcome(DL_01, h) is Outcome.INCONCLUSIVE


def test_a_control_that_ends_by_itself_takes_the_deadline_out_of_suspicion() -> None:
    assert outcome(DL_01, due((505, OVER), (505, OVER), (505, OVER), free=(EOF,))) is Outcome.INCONCLUSIVE


def test_a_cut_before_its_time_is_early_only_where_all_have_it_and_the_control_has_not() -> None:
    early = (250.0, (EOF,))
    assert outcome(DL_04, due(early, early, early)) is Outcome.FAIL
    assert outcome(DL_04, due(early, early, (505, OVER))) is not Outcome.FAIL
    assert outcome(DL_04, due(early, early, early, free=(EOF,))) is not Outcome.FAIL


def test_a_handler_is_not_known_to_run_where_nobody_told_of_it() -> None:
    assert outcome(DL_02, due((505, OVER), (505, OVER), (505, OVER))) is Outcome.INCONCLUSIVE


def test_a_send_that_was_never_blocked_says_nothing_of_one_that_was() -> None:
    assert outcome(DL_05, stuck(0, 0, 0, blocked_ms=9_000)) is Outcome.INCONCLUSIVE


def test_thirty_races_with_one_winner_are_no_race() -> None:
    assert outcome(DL_06, raced(won=30, lost=0)) is Outcome.INCONCLUSIVE
    assert outcome(DL_06, raced(won=14, lost=15)) is Outcome.INCONCLUSIVE
    assert outcome(DL_06, raced()) is Outcome.PASS


def test_heartbeats_that_nobody_saw_put_nothing_off() -> None:
    h = beating(0, 0, 0)
    silent = [(r.session, r.t_ns / 1e6, r.event) for r in h.records if type(r.event).__name__ != "Heartbeat"]
    h = given(*silent, options={"script-idle": {"idle_ms": 600}, "script-beating": {"idle_ms": 600}})
    assert outcome(DL_08, h) is Outcome.INCONCLUSIVE


def test_a_busy_stream_that_is_slow_once_is_not_held_against_its_limit() -> None:
    assert outcome(DL_08, busy(610, 610, 610)) is Outcome.WARN
    assert outcome(DL_08, busy(610, 610, 0)) is Outcome.INCONCLUSIVE


def test_the_control_of_each_kind_has_its_name() -> None:
    assert all(FREE[n] == DUE[n].replace("due", "free") for n in range(len(DUE)))
