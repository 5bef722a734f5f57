"""DL at its edges: what only looks late, who else may have ended a stream, and what a limit counts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.event import Completed, Event, Failed, Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.rule import Rule
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    end,
    fail,
    failed,
    item,
    refused,
    send,
    sends,
    take,
    together,
    told,
    waiting,
)
from streamspec.harness.rules import deadline_races, deadlines, idle_limits
from streamspec.harness.rules._times import timed

RuleOn = Callable[[str, History], Verdict]

RULES: tuple[Rule, ...] = tuple(
    value
    for module in (deadlines, deadline_races, idle_limits)
    for value in vars(module).values()
    if isinstance(value, Rule)
)
ALL = "deadline idle produce remaining complete"
WAITS = begun(0, "receive", "consumer")
TOLD = (refused(0, "TIMED_OUT"), Failed("TIMED_OUT"))
FULL = (sends(0, 1, 1), waiting(1, 2))
LATE = (Settled(exact=False, late=("consumer", "producer", "maker")),)
SLOW = (Settled(exact=False),)


def got(verdict: Verdict) -> str:
    return " / ".join(f"{finding.expected}: {finding.got}" for finding in verdict.findings)


# -- DL-01 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["TIMED_OUT", "DEADLINE_EXCEEDED"])
def test_either_name_will_do(rule_on: RuleOn, code: str) -> None:
    history = timed(WAITS, 1_000, refused(0, code), Failed(code), deadline_ms=1_000)
    assert rule_on("DL-01", history).outcome == "PASS"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("TimeoutError", "PASS"),
        ("DeadlineExceeded", "PASS"),
        ("StreamExpired", "PASS"),
        ("RuntimeError", "INCONCLUSIVE"),  # it has "time" in its name, and says nothing of it
        ("ClosedResourceError", "INCONCLUSIVE"),
    ],
)
def test_an_exception_without_a_code_is_known_by_its_name(rule_on: RuleOn, kind: str, outcome: str) -> None:
    history = timed(WAITS, 1_000, refused(0, "", kind), Failed(kind), deadline_ms=1_000)
    assert rule_on("DL-01", history).outcome == outcome


@pytest.mark.parametrize("ending", ["complete", "error", "cancel", "feed", "produce"])
def test_a_stream_that_somebody_may_have_ended_is_nobodys_deadline(rule_on: RuleOn, ending: str) -> None:
    after = (refused(0, "UNAVAILABLE"), Failed("UNAVAILABLE"))
    for call in (done(1, ending, "other"), begun(1, ending, "other")):
        assert rule_on("DL-01", timed(WAITS, 1_000, call, after, deadline_ms=1_000)).outcome == "INCONCLUSIVE"
        assert rule_on("DL-01", timed(WAITS, call, 9_000, SETTLED, deadline_ms=1_000)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("op", ["send", "receive", "iterate"])
def test_a_dropped_call_may_have_ended_it_too(rule_on: RuleOn, op: str) -> None:
    dropped = (begun(1, op, "other"), refused(1, "", "CancelledError"))
    history = timed(WAITS, dropped, 1_000, refused(0, "CANCELLED"), deadline_ms=1_000)
    assert rule_on("DL-01", history).outcome == "INCONCLUSIVE"


def test_an_iteration_that_is_left_early_ends_its_stream(rule_on: RuleOn) -> None:
    left = (begun(0, "iterate", "other", "2"), back(0, "break"))
    after = (begun(1, "receive", "consumer"), 1_000, refused(1, "CANCELLED"))
    assert rule_on("DL-01", timed(left, *after, deadline_ms=1_000)).outcome == "INCONCLUSIVE"
    whole = (begun(0, "iterate", "other"), 1_000, refused(0, "CANCELLED"))
    assert rule_on("DL-01", timed(*whole, deadline_ms=1_000)).outcome == "FAIL"


def test_late_counts_from_when_the_object_was_certainly_there(rule_on: RuleOn) -> None:
    late = timed(2_000, WAITS, 6_900, SETTLED, deadline_ms=1_000)  # made at 2 s for all we know
    assert rule_on("DL-01", late).outcome == "INCONCLUSIVE"
    verdict = rule_on("DL-01", timed(2_000, WAITS, 7_100, SETTLED, deadline_ms=1_000))
    assert verdict.outcome == "FAIL"
    assert "its receive still waiting 4100 ms after the deadline of 1000 ms" in got(verdict)


def test_with_threads_a_call_must_have_waited_itself_before_it_is_late(rule_on: RuleOn) -> None:
    """A caller that is late with all it was told may have begun the last of it only just now."""
    busy = timed(send(0, 1), 5_400, begun(1, "receive", "consumer"), 5_500, LATE, deadline_ms=300, kind="threads")
    assert rule_on("DL-01", busy).outcome == "INCONCLUSIVE"
    assert rule_on("DL-01", timed(WAITS, 5_500, LATE, deadline_ms=300, kind="threads")).outcome == "FAIL"
    assert rule_on("DL-01", timed(WAITS, 5_500, SLOW, deadline_ms=300, kind="threads")).outcome == "INCONCLUSIVE"


def test_a_pause_may_hold_everything_back(rule_on: RuleOn) -> None:
    paused = timed(done(1, "pause"), WAITS, 9_000, SETTLED, deadline_ms=1_000)
    assert rule_on("DL-01", paused).outcome == "INCONCLUSIVE"


def test_the_first_answer_counts_and_only_if_it_came_alone(rule_on: RuleOn) -> None:
    told_twice = timed(WAITS, 1_000, TOLD, fail(1, "UNAVAILABLE", first=False), deadline_ms=1_000)
    assert rule_on("DL-01", told_twice).outcome == "PASS"
    two = (WAITS, begun(1, "receive", "other"))
    assert rule_on("DL-01", timed(*two, 1_000, refused(1, "CANCELLED"), deadline_ms=1_000)).outcome == "INCONCLUSIVE"
    early = timed(fail(0, "UNAVAILABLE"), 1_000, fail(1, "UNAVAILABLE", first=False), deadline_ms=1_000)
    assert rule_on("DL-01", early).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(("answer", "words"), [((back(0, "end"),), "the end, as after success"), ((), "CANCELLED")])
def test_what_it_was_told_instead_is_said(rule_on: RuleOn, answer: tuple[Event, ...], words: str) -> None:
    history = timed(WAITS, 1_000, *(answer or (refused(0, "CANCELLED"),)), deadline_ms=1_000)
    assert words in got(rule_on("DL-01", history))


def test_an_idle_limit_may_have_its_own_word(rule_on: RuleOn) -> None:
    history = timed(1_000, *fail(0, "IDLE"), deadline_ms=1_000, idle_ms=500)
    assert rule_on("DL-01", history).outcome == "INCONCLUSIVE"


def test_an_object_that_takes_no_deadline_has_none(rule_on: RuleOn) -> None:
    history = together(("object", {"deadline_ms": 10}, (WAITS, SETTLED)), step_ms=9_000)
    assert rule_on("DL-01", history).outcome == "INCONCLUSIVE"


def test_lanes_are_made_later_and_are_left_out(rule_on: RuleOn) -> None:
    lanes = (begun(1, "schedule", "taker", "low:1"), back(1))
    assert rule_on("DL-01", timed(*lanes, WAITS, 9_000, SETTLED, deadline_ms=1_000)).outcome == "INCONCLUSIVE"


def test_an_object_is_made_when_the_session_before_it_is_over(rule_on: RuleOn) -> None:
    """Nothing of an earlier session makes a deadline look late, or early."""
    first: tuple[Part, ...] = tuple(done(n, "observe") for n in range(40))
    second: tuple[Part, ...] = (WAITS, TOLD)
    history = together(
        ("first", {}, first),
        ("second", {"deadline_ms": 1_000}, second),
        declared={"feature.deadline": True},
        step_ms=30,
    )
    assert rule_on("DL-04", history).outcome == "FAIL"  # at most 90 ms of 1000
    assert rule_on("DL-01", history).outcome == "INCONCLUSIVE"


# -- DL-02, DL-03, DL-07: the handler --------------------------------------------------------------------------------

BEGAN = told(handler="began", remaining_ms=1_000)
IDLES = (begun(0, "produce", "maker", "idles"), BEGAN)
RAISED = (told(handler="raised", handler_raised="StreamError"), back(0))


@pytest.mark.parametrize(
    ("arg", "over", "outcome"),
    [
        ("idles", "raised", "PASS"),
        ("idles", "returned", "PASS"),  # a sleep may end quietly
        ("completes", "raised", "PASS"),  # its send was refused
        ("completes", "returned", "INCONCLUSIVE"),
        ("raises", "raised", "INCONCLUSIVE"),
        ("returns", "returned", "INCONCLUSIVE"),
    ],
)
def test_a_handler_that_ends_by_itself_was_not_stopped(rule_on: RuleOn, arg: str, over: str, outcome: str) -> None:
    history = timed(begun(0, "produce", "maker", arg), BEGAN, 1_000, told(handler=over), back(0), deadline_ms=1_000)
    assert rule_on("DL-02", history).outcome == outcome


def test_a_handler_that_was_over_before_was_not_stopped_by_the_deadline(rule_on: RuleOn) -> None:
    assert rule_on("DL-02", timed(IDLES, 900, RAISED, deadline_ms=1_000)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("kind", "settled", "outcome"),
    [("asyncio", SETTLED, "FAIL"), ("threads", LATE[0], "FAIL"), ("threads", SLOW[0], "INCONCLUSIVE")],
)
def test_a_handler_that_runs_on(rule_on: RuleOn, kind: str, settled: Settled, outcome: str) -> None:
    verdict = rule_on("DL-02", timed(IDLES, 5_500, settled, deadline_ms=300, kind=kind))
    assert verdict.outcome == outcome
    if outcome == "FAIL":
        assert "it still runs 5200 ms after the deadline of 300 ms" in got(verdict)


def test_a_handler_of_a_cancelled_stream_is_another_rules(rule_on: RuleOn) -> None:
    cancelled = timed(IDLES, done(1, "cancel", "consumer"), 6_000, SETTLED, deadline_ms=1_000)
    assert rule_on("DL-02", cancelled).outcome == "INCONCLUSIVE"


def seen(*parts: Part | int) -> History:
    return timed(*parts, deadline_ms=1_000, features=ALL)


def look(call: int, left_ms: int, by: str = "other") -> tuple[Part, ...]:
    return begun(call, "observe", by), told(remaining_ms=left_ms), back(call)


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((IDLES[0], told(handler="began", remaining_ms=1_009)), "PASS"),
        ((IDLES[0], told(handler="began", remaining_ms=1_011)), "WARN"),
        ((IDLES[0], told(handler="began", remaining_ms=980)), "WARN"),
        ((IDLES[0], told(handler="began")), "WARN"),
        ((IDLES[0], 400, told(handler="began", remaining_ms=600)), "PASS"),
        ((IDLES[0], 400, told(handler="began", remaining_ms=1_000)), "PASS"),  # it may have looked at once
        ((*IDLES, 400, look(1, 600)), "PASS"),
        ((*IDLES, 400, look(1, 700)), "WARN"),
        ((*IDLES, 1_400, look(1, 0)), "PASS"),
        ((*IDLES, 400, RAISED, 500, look(1, 600)), "PASS"),  # a clock that stopped with the stream
        ((done(1, "cancel"), *IDLES[:1], told(handler="began")), "INCONCLUSIVE"),
    ],
)
def test_the_time_left(rule_on: RuleOn, parts: tuple[Part | int, ...], outcome: str) -> None:
    assert rule_on("DL-03", seen(*parts)).outcome == outcome


def test_an_answer_may_be_as_old_as_its_question(rule_on: RuleOn) -> None:
    slow = (*IDLES, 100, begun(1, "observe", "other"), 400, told(remaining_ms=900), back(1))
    assert rule_on("DL-03", seen(*slow)).outcome == "PASS"


def test_beside_an_idle_limit_the_time_left_may_be_either(rule_on: RuleOn) -> None:
    history = timed(IDLES[0], told(handler="began", remaining_ms=5), deadline_ms=1_000, idle_ms=5, features=ALL)
    assert rule_on("DL-03", history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((WAITS, 1_000, *TOLD, done(1, "produce", "maker")), "PASS"),
        ((WAITS, 1_000, *TOLD, failed(1, "produce", "CANCELLED", "maker")), "PASS"),
        ((WAITS, 1_000, *TOLD, begun(1, "produce", "maker"), told(handler="began")), "WARN"),
        # nobody was told: the time may not have been up, or not have been noticed
        ((5_000, begun(1, "produce", "maker"), told(handler="began")), "INCONCLUSIVE"),
        # two handlers, of which one was asked for in time
        ((WAITS, begun(1, "produce", "a"), 1_000, *TOLD, begun(2, "produce", "b"), told(handler="began")),
         "INCONCLUSIVE"),
        # a receive that gives up by itself
        ((WAITS, 500, refused(0, "", "TimeoutError"), begun(1, "produce"), told(handler="began")), "INCONCLUSIVE"),
        # the script's own error
        ((WAITS, done(1, "error", "x", "TIMED_OUT"), 1_000, *TOLD, begun(2, "produce"), told(handler="began")),
         "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_a_handler_that_is_asked_for_too_late(rule_on: RuleOn, parts: tuple[Part | int, ...], outcome: str) -> None:
    assert rule_on("DL-07", timed(*parts, deadline_ms=1_000)).outcome == outcome


# -- DL-04 to DL-06: when it fires -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit_ms", "told_ms", "outcome"),
    [(1_000, 991, "PASS"), (1_000, 989, "FAIL"), (60_000, 59_401, "PASS"), (60_000, 59_399, "FAIL"), (5, 0, "PASS")],
)
def test_early_is_exact_to_ten_milliseconds_or_one_in_a_hundred(
    rule_on: RuleOn, limit_ms: int, told_ms: int, outcome: str
) -> None:
    assert rule_on("DL-04", timed(WAITS, told_ms, TOLD, deadline_ms=limit_ms)).outcome == outcome


def test_a_time_out_that_a_producer_brought_is_no_deadline(rule_on: RuleOn) -> None:
    """A handler whose own send timed out may end its stream with that."""
    send_timed_out = (begun(1, "produce", "maker"), told(handler="began"), failed(2, "send", "TIMED_OUT", "handler"))
    history = timed(WAITS, *send_timed_out, told(handler="raised"), back(1), TOLD, deadline_ms=9_000)
    assert rule_on("DL-04", history).outcome == "INCONCLUSIVE"


def test_the_nearer_of_two_limits_counts(rule_on: RuleOn) -> None:
    assert rule_on("DL-04", timed(WAITS, 500, TOLD, deadline_ms=9_000, idle_ms=500)).outcome == "PASS"
    verdict = rule_on("DL-04", timed(WAITS, 480, TOLD, deadline_ms=9_000, idle_ms=500))
    assert verdict.outcome == "FAIL"
    assert "no TIMED_OUT before 500 ms have passed: TIMED_OUT 480 ms after its making, at most" in got(verdict)


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((*FULL, SETTLED, 1_000, refused(1, "DEADLINE_EXCEEDED")), "PASS"),
        ((*FULL, SETTLED, 1_000, refused(1, "", "ClosedResourceError")), "PASS"),
        ((*FULL, SETTLED, 1_000, back(1)), "INCONCLUSIVE"),
        ((*FULL, 1_000, refused(1, "CANCELLED")), "INCONCLUSIVE"),  # nobody saw it blocked
        ((*FULL, SETTLED, 500, refused(1, "CANCELLED")), "INCONCLUSIVE"),
        ((*FULL, SETTLED, done(2, "cancel", "c"), 1_000, refused(1, "CANCELLED")), "INCONCLUSIVE"),
        ((*FULL, SETTLED, done(2, "cancel", "c"), 6_000, SETTLED), "INCONCLUSIVE"),
        ((*FULL, done(2, "pause", "c"), SETTLED, 6_000, SETTLED), "INCONCLUSIVE"),
        ((*FULL, SETTLED, 4_900, SETTLED), "INCONCLUSIVE"),
        ((*FULL, SETTLED, 5_100, SETTLED), "FAIL"),
    ],
)
def test_a_send_that_is_blocked_when_the_deadline_comes(
    rule_on: RuleOn, parts: tuple[Part | int, ...], outcome: str
) -> None:
    assert rule_on("DL-05", timed(*parts, deadline_ms=1_000)).outcome == outcome


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        # far from the deadline there was no race
        ((*done(0, "complete"), *end(1)), "INCONCLUSIVE"),
        ((990, *done(0, "complete"), *end(1)), "PASS"),
        # two consumers, one outcome
        ((WAITS, begun(1, "receive", "b"), 1_000, done(2, "complete"), refused(1, "TIMED_OUT"), *TOLD), "PASS"),
        ((WAITS, begun(1, "receive", "b"), 1_000, done(2, "complete"), back(1, "end"), Completed(), *TOLD), "FAIL"),
        # who asks again is told something else
        ((1_000, done(0, "complete"), *end(1), fail(2, "UNAVAILABLE")), "PASS"),
        # completions that never come back, and receives that nobody answers
        ((1_000, sends(0, 1, 1), begun(1, "complete"), 6_000, SETTLED), "FAIL"),
        ((1_000, sends(0, 1, 1), begun(1, "complete"), 6_000, SLOW), "INCONCLUSIVE"),
        ((WAITS, 1_000, done(1, "complete"), 6_000, SETTLED), "FAIL"),
        ((WAITS, 1_000, begun(1, "complete"), 6_000, SLOW), "INCONCLUSIVE"),
        # somebody cancelled: what else happens is not between the two
        ((WAITS, 1_000, done(1, "complete"), done(2, "cancel", "b"), back(0, "end"), fail(3, "TIMED_OUT")),
         "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_a_deadline_that_races_a_completion(rule_on: RuleOn, parts: tuple[Part | int, ...], outcome: str) -> None:
    assert rule_on("DL-06", timed(*parts, deadline_ms=1_000)).outcome == outcome


# -- DL-08, DL-09: idle ----------------------------------------------------------------------------------------------

FIRST = (send(0, 1), take(1, 0, 1))
SECOND = (send(2, 2), take(3, 1, 2))
RECEIVES = begun(9, "receive", "consumer")
OVER = (refused(9, "TIMED_OUT"), Failed("TIMED_OUT"))


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((*FIRST, 1_100, *SECOND, RECEIVES, 2_095, *OVER), "PASS"),
        ((*FIRST, 1_100, *SECOND, RECEIVES, 2_080, *OVER), "WARN"),
        # an item that only the stream has, or that was on its way for long, may not count
        ((*FIRST, 900, send(2, 2), RECEIVES, 1_000, *OVER), "INCONCLUSIVE"),
        ((*FIRST, waiting(2, 2), 900, back(2), take(3, 1, 2), RECEIVES, 1_000, *OVER), "INCONCLUSIVE"),
        # ended by somebody
        ((*FIRST, 900, *SECOND, RECEIVES, done(4, "error", arg="TIMED_OUT"), *OVER), "INCONCLUSIVE"),
        # a limit that counts from the beginning would have passed as well
        ((*FIRST, 100, *SECOND, RECEIVES, 1_100, *OVER), "INCONCLUSIVE"),
    ],
)
def test_items_put_off_the_idle_end(rule_on: RuleOn, parts: tuple[Part | int, ...], outcome: str) -> None:
    assert rule_on("DL-08", timed(*parts, idle_ms=1_000)).outcome == outcome


def test_items_do_not_put_off_the_deadline(rule_on: RuleOn) -> None:
    late = (*FIRST, 4_900, *SECOND)
    assert rule_on("DL-08", timed(*late, idle_ms=9_000, deadline_ms=1_000)).outcome == "INCONCLUSIVE"
    verdict = rule_on("DL-08", timed(*FIRST, 5_100, *SECOND, idle_ms=9_000, deadline_ms=1_000))
    assert verdict.outcome == "WARN"
    assert "producer:2 accepted 4100 ms after the deadline of 1000 ms" in got(verdict)


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ((*FIRST, RECEIVES, 1_000, refused(9, "UNAVAILABLE"), Failed("UNAVAILABLE")), "PASS"),
        ((*FIRST, RECEIVES, 1_000, back(9, "end"), Completed()), "PASS"),
        ((*FIRST, RECEIVES, 500, *OVER), "INCONCLUSIVE"),
        ((*FIRST, RECEIVES, 5_500, SETTLED), "WARN"),
        ((*FIRST, 2_000, RECEIVES, 5_500, SETTLED), "INCONCLUSIVE"),  # a receive is a sign of life, for all we know
        ((*FIRST, RECEIVES, 1_000, send(2, 2), take(3, 1, 2), 5_500, SETTLED), "INCONCLUSIVE"),
    ],
)
def test_an_idle_end_is_shown(rule_on: RuleOn, parts: tuple[Part | int, ...], outcome: str) -> None:
    assert rule_on("DL-09", timed(*parts, idle_ms=1_000)).outcome == outcome


# -- anything -------------------------------------------------------------------------------------------------------

OPS = ("send", "receive", "iterate", "complete", "error", "cancel", "pause", "produce", "observe", "schedule", "drop")
CODES = st.sampled_from(["", "TIMED_OUT", "DEADLINE_EXCEEDED", "CANCELLED", "UNAVAILABLE"])
KINDS = st.sampled_from(["StreamError", "TimeoutError", "CancelledError"])
NUMBER = st.integers(0, 6)
EVENT: st.SearchStrategy[Any] = st.one_of(
    st.builds(begun, NUMBER, st.sampled_from(OPS), st.sampled_from(["a", "b"]), st.sampled_from(["", "a:1", "2"])),
    st.builds(back, NUMBER, st.sampled_from(["", "end", "break", "a:1"])),
    st.builds(refused, NUMBER, CODES, KINDS),
    st.builds(item, NUMBER, NUMBER, st.sampled_from(["a", "b"])),
    st.builds(lambda word: told(handler=word), st.sampled_from(["began", "raised", "returned"])),
    st.builds(lambda left_ms: told(remaining_ms=left_ms), st.integers(-5, 3_000)),
    st.builds(Settled, st.booleans(), st.sampled_from([(), ("a",)])),
    st.sampled_from([Completed(), Failed("TIMED_OUT")]),
)
ROW = st.tuples(EVENT, st.integers(0, 4_000))


@settings(max_examples=300, deadline=None)
@given(st.lists(ROW, max_size=20), st.sampled_from([0, 5, 1_000]), st.sampled_from([5, 1_000]))
def test_whatever_was_seen_is_judged_without_a_crash(rows: list[Any], deadline_ms: int, idle_ms: int) -> None:
    parts: list[Part | int] = []
    now_ms = 0
    for event, after_ms in rows:
        now_ms += after_ms
        parts += [now_ms, event]
    history = timed(*parts, deadline_ms=deadline_ms, idle_ms=idle_ms, features=ALL)
    verdicts = judge(history, RULES, [rule.id for rule in RULES])
    assert [verdict.reason for verdict in verdicts if verdict.outcome == "ERROR"] == []
    for rule in RULES:
        for finding in rule.check(history):
            assert finding.evidence or finding.stance == "unknown"
