"""LC and ER-04 on objects at their edges: what an honest stream may do that looks odd, and what gives a broken one
away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Elided, Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    end,
    fail,
    failed,
    played,
    refused,
    send,
    sends,
    take,
    takes,
    together,
    told,
    waiting,
)

RuleOn = Callable[[str, History], Verdict]
GONE = ("", "CancelledError")  # how a call ends that we dropped
READING = begun(90, "receive", "consumer")
LOOKS = (begun(80, "observe", "one"), begun(81, "observe", "two"))


def told_of(verdict: Verdict) -> str:
    return " / ".join(f"expected {finding.expected}, got {finding.got}" for finding in verdict.findings)


# -- one terminal, and nothing after it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (done(0, "complete"), end(1), end(2, first=False))),
        ("PASS", (done(0, "error", arg="NOT_FOUND"), fail(1, "NOT_FOUND"), fail(2, "NOT_FOUND", first=False))),
        # the end, asked for again, refused
        ("PASS", (done(0, "complete"), end(1), failed(2, "receive", "UNAVAILABLE", "consumer"))),
        ("PASS", (done(0, "complete"), end(1), failed(2, "receive", "", "consumer"))),
        # even with the words of an error that nobody brought
        ("PASS", (done(0, "complete"), end(1), failed(2, "receive", "INTERNAL", "consumer"))),
        # an error that was refused, and has a code of its own
        ("PASS", (done(0, "complete"), end(1), failed(2, "error", arg="NOT_FOUND"), fail(3, "CLOSED"))),
        # what comes after we left
        ("INCONCLUSIVE", (done(0, "complete"), end(1), done(2, "cancel", "consumer"), fail(3, "INTERNAL"))),
        ("INCONCLUSIVE", (done(0, "error"), fail(1), done(2, "iterate", "consumer", "1", "break"), end(3))),
        # a receive that gave up has not shown the stream's end
        ("INCONCLUSIVE", (begun(0, "error"), refused(0), failed(1, "receive", "TIMED_OUT", "consumer"), end(2))),
        ("INCONCLUSIVE", (done(0, "complete"), end(1))),
        ("FAIL", (done(0, "complete"), end(1), done(2, "error", arg="NOT_FOUND"), fail(3, "NOT_FOUND"))),
        ("FAIL", (done(0, "error"), fail(1, "INTERNAL"), end(2))),
    ],
)
def test_an_object_shows_one_terminal(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-01", played(parts)).outcome == outcome


@pytest.mark.parametrize("code", ["BUSY", ""])
def test_a_second_receiver_that_is_refused_is_no_failure_of_the_stream(rule_on: RuleOn, code: str) -> None:
    busy = (begun(0, "receive", "one"), failed(1, "receive", code, "two"), send(2, 1), back(0, "producer:1"))
    over = (done(3, "error", arg="NOT_FOUND"), fail(4, "NOT_FOUND"))
    assert rule_on("LC-02", played(busy, take(3, 0, 2, by="one"))).outcome == "INCONCLUSIVE"
    assert rule_on("LC-02", played(busy, over, fail(5, "NOT_FOUND", first=False))).outcome == "PASS"
    assert rule_on("LC-02", played(busy, over, take(5, 0, 2))).outcome == "FAIL"


def test_only_a_receive_that_began_after_the_end_accuses(rule_on: RuleOn) -> None:
    told_first = (send(0, 1), done(1, "complete"), begun(2, "receive", "slow"), end(3))
    assert rule_on("LC-02", played(told_first, take(2, 0, 1, by="slow")[1:])).outcome == "INCONCLUSIVE"
    verdict = rule_on("LC-02", played(told_first, back(2, "end"), take(4, 0, 1)))
    assert told_of(verdict) == "expected nothing but the terminal, once it was told, got the end, then producer:1"


def test_a_dropped_receive_may_give_its_item_back_after_the_end(rule_on: RuleOn) -> None:
    parts = (begun(0, "receive", "gone"), send(1, 1), done(2, "complete"), end(3), refused(0, *GONE))
    assert rule_on("LC-02", played(parts, take(4, 0, 1))).outcome == "INCONCLUSIVE"
    assert rule_on("LC-02", played(parts, take(4, 0, 1), take(5, 1, 2))).outcome == "FAIL"  # but no second one


def test_what_was_elided_is_no_evidence(rule_on: RuleOn) -> None:
    verdict = rule_on("LC-02", played(done(0, "complete"), end(1), take(2, 0, 1), Elided("Called", 3)))
    assert (verdict.outcome, verdict.reason) == ("INCONCLUSIVE", "more was called than we keep")


def test_several_streams_under_a_scheduler_tell_no_story_of_one(rule_on: RuleOn) -> None:
    parts = (done(0, "schedule", arg="high:9 low:1"), done(1, "complete"), end(2), take(3, 0, 1))
    assert rule_on("LC-02", played(parts)).reason == "nothing to look at"


# -- a second ending ---------------------------------------------------------------------------------------------------

ERRED = (sends(0, 1, 1), done(1, "error", "closer", "NOT_FOUND"))
COMPLETED = (sends(0, 1, 1), done(1, "complete", "closer"))
REST = (take(8, 0, 1), end(9))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (ERRED, done(2, "complete"), take(3, 0, 1), fail(4, "NOT_FOUND"))),
        # the first ending failed in its turn: there had been another one
        ("INCONCLUSIVE", (begun(0, "error"), done(1, "complete", "other"), back(0), end(2))),
        ("INCONCLUSIVE", (done(0, "cancel", "consumer"), done(1, "error"), done(2, "complete"), end(3))),
        ("INCONCLUSIVE", (ERRED, done(2, "complete"), take(3, 0, 1), done(4, "cancel", "consumer"), end(5))),
        ("INCONCLUSIVE", (ERRED, begun(2, "complete"), refused(2, *GONE), take(3, 0, 1), end(4))),
        ("FAIL", (ERRED, done(2, "complete"), take(3, 0, 1), end(4))),
    ],
)
def test_a_complete_after_an_error_shows_nowhere(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-03", played(parts)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (COMPLETED, failed(2, "error", arg="NOT_FOUND"), REST)),
        ("PASS", (COMPLETED, done(2, "error", arg="NOT_FOUND"), REST)),
        # an error that comes back to whoever brought it was not refused
        (
            "INCONCLUSIVE",
            (COMPLETED, begun(2, "error", arg="NOT_FOUND"), refused(2, "NOT_FOUND", "Failure"), fail(3, "NOT_FOUND")),
        ),
        # two errors of one name: one of them was not refused
        (
            "INCONCLUSIVE",
            (COMPLETED, failed(2, "error", arg="NO"), done(3, "error", arg="NO"), take(4, 0, 1), fail(5, "NO")),
        ),
        ("INCONCLUSIVE", (COMPLETED, failed(2, "error", arg="NOT_FOUND"))),
        ("FAIL", (COMPLETED, failed(2, "error", arg="NOT_FOUND"), take(3, 0, 1), fail(4, "NOT_FOUND"))),
        ("FAIL", (COMPLETED, REST, done(10, "error", arg="NOT_FOUND"), fail(11, "NOT_FOUND"))),
    ],
)
def test_an_error_after_a_complete_shows_nowhere(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-04", played(parts)).outcome == outcome


TWICE = (sends(0, 1, 2), done(2, "complete"), failed(3, "complete", "UNAVAILABLE"))
ONCE: tuple[str, dict[str, int | str], tuple[Part, ...]]
ONCE = ("once", {}, (sends(0, 1, 2), done(2, "complete"), takes(3, 0, 1, 2), end(5)))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (TWICE, takes(4, 0, 1, 2), end(6))),
        ("PASS", (TWICE, takes(4, 0, 1, 2), end(6), failed(7, "receive", "UNAVAILABLE", "consumer"))),
        # an end that was told before the second complete shows nothing about it
        ("INCONCLUSIVE", (sends(0, 1, 1), done(1, "complete"), take(2, 0, 1), end(3), done(4, "complete"))),
        # the error may be whose it likes
        ("INCONCLUSIVE", (TWICE, done(4, "error", arg="NOT_FOUND"), fail(5, "NOT_FOUND"))),
        ("FAIL", (TWICE, take(4, 0, 1), fail(5, "UNAVAILABLE"))),
        ("FAIL", (TWICE, take(4, 0, 1), end(5))),
    ],
)
def test_a_second_complete_shows_nowhere(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-05", together(ONCE, ("twice", {}, parts))).outcome == outcome


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ("LC-03", (ERRED, begun(2, "complete"), take(3, 0, 1), fail(4, "NOT_FOUND"))),
        ("LC-04", (COMPLETED, begun(2, "error", arg="NOT_FOUND"), REST)),
        ("LC-05", (COMPLETED, begun(2, "complete"), REST)),
    ],
)
def test_a_second_ending_does_not_hang(rule_on: RuleOn, rule: str, parts: tuple[Part, ...]) -> None:
    verdict = rule_on(rule, played(parts, SETTLED))
    assert verdict.outcome == "FAIL"
    assert "still waits" in told_of(verdict)
    assert rule_on(rule, played(parts[:2], SETTLED)).outcome == "INCONCLUSIVE"  # it may wait for what is to be received
    slow = played(parts, Settled(exact=False, late=("producer",)), kind="threads")
    assert rule_on(rule, slow).outcome == "INCONCLUSIVE"  # for a few milliseconds
    assert rule_on(rule, played(parts, Settled(exact=False, late=("producer",)), step_ms=5_000.0)).outcome == "FAIL"


# -- handlers ----------------------------------------------------------------------------------------------------------

RUNS = (begun(0, "produce"), told(handler="began"), begun(1, "receive", "consumer"))
RAISED = told(handler="raised", handler_raised="RuntimeError")


@pytest.mark.parametrize(
    ("rule", "over"), [("LC-06", told(handler="returned")), ("LC-07", RAISED)], ids=["returned", "raised"]
)
class TestAHandlerThatLeavesItsStreamOpen:
    def test_is_told_of_by_any_error(self, rule_on: RuleOn, rule: str, over: Part) -> None:
        for code in ("INTERNAL", "CANCELLED", ""):
            assert rule_on(rule, played(RUNS, over, back(0), refused(1, code))).outcome == "PASS"

    def test_is_not_told_of_by_the_end(self, rule_on: RuleOn, rule: str, over: Part) -> None:
        assert "the end, as after success" in told_of(rule_on(rule, played(RUNS, over, back(0), back(1, "end"))))

    def test_leaves_nobody_waiting(self, rule_on: RuleOn, rule: str, over: Part) -> None:
        assert "consumer still waits" in told_of(rule_on(rule, played(RUNS, over, back(0), SETTLED)))
        paused = played(done(5, "pause", "other"), RUNS, over, back(0), SETTLED)
        assert rule_on(rule, paused).outcome == "INCONCLUSIVE"
        slow = played(RUNS, over, back(0), Settled(exact=False), kind="threads")
        assert rule_on(rule, slow).outcome == "INCONCLUSIVE"

    @pytest.mark.parametrize(
        "meanwhile",
        [
            done(2, "complete", "closer"),
            failed(2, "complete", "UNAVAILABLE", "handler"),
            done(2, "error", "closer"),
            done(2, "cancel", "consumer"),
            begun(2, "feed", "other"),
            failed(2, "send", "UNAVAILABLE", "handler", "handler:1"),
        ],
        ids=["completed", "completes itself", "failed", "cancelled", "fed", "refused"],
    )
    def test_is_not_blamed_where_somebody_else_ended_it(
        self, rule_on: RuleOn, rule: str, over: Part, meanwhile: Part
    ) -> None:
        assert rule_on(rule, played(RUNS, meanwhile, over, back(0), back(1, "end"))).outcome == "INCONCLUSIVE"

    def test_nor_where_we_dropped_it(self, rule_on: RuleOn, rule: str, over: Part) -> None:
        assert rule_on(rule, played(RUNS, over, refused(0, *GONE), back(1, "end"))).outcome == "INCONCLUSIVE"


def test_a_time_limit_may_end_the_stream_of_a_handler(rule_on: RuleOn) -> None:
    history = played(RUNS, RAISED, back(0), back(1, "end"), options={"deadline_ms": 10})
    assert rule_on("LC-07", history).outcome == "INCONCLUSIVE"


# -- what an ending owes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (done(0, "complete", "closer"), end(1))),
        ("PASS", (READING, done(0, "complete", "closer"), back(90, "end"), failed(1, "send", arg="producer:1"))),
        ("INCONCLUSIVE", (send(0, 1), done(1, "complete", "closer"), fail(2, "UNKNOWN"))),  # it was not empty
        ("INCONCLUSIVE", (done(0, "complete", "closer"), begun(1, "receive", "one"), fail(2, "BUSY", "two"))),
        ("INCONCLUSIVE", (begun(0, "complete", "closer"), refused(0, *GONE), fail(1, "UNKNOWN"))),
        ("INCONCLUSIVE", (done(0, "error", "other"), failed(1, "complete", "UNAVAILABLE"), fail(2))),
        ("FAIL", (READING, done(0, "complete", "closer"), refused(90, "UNKNOWN"))),
        ("FAIL", (READING, done(0, "complete", "closer"), SETTLED)),
    ],
)
def test_an_empty_stream_ends(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-08", played(parts)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (sends(0, 1, 2), done(2, "complete"), takes(3, 0, 1, 2), end(5))),
        # read by an iteration
        (
            "INCONCLUSIVE",
            (sends(0, 1, 1), done(1, "complete"), begun(2, "iterate", "c"), take(9, 0, 1)[-1], back(2, "end")),
        ),
        # in the hands of a receive that we dropped, or that never said what it got
        ("INCONCLUSIVE", (begun(9, "receive", "gone"), send(0, 1), refused(9, *GONE), done(1, "complete"), end(2))),
        ("INCONCLUSIVE", (begun(9, "receive", "slow"), send(0, 1), done(1, "complete"), end(2))),
        # an error won: no end was told
        ("INCONCLUSIVE", (sends(0, 1, 2), done(2, "complete"), done(3, "error", arg="NO"), fail(4, "NO"))),
        # not accepted before the end
        ("INCONCLUSIVE", (waiting(0, 1), done(1, "complete", "closer"), refused(0, "UNAVAILABLE"), end(2))),
        # of two one may be in the hands of the dropped receive
        (
            "FAIL",
            (begun(9, "receive", "gone"), sends(0, 1, 2), refused(9, *GONE), done(2, "complete"), end(3)),
        ),
        # a receive that surely waits has nothing in its hands
        ("FAIL", (begun(9, "receive", "slow"), send(0, 1), done(1, "complete"), end(2), SETTLED)),
    ],
)
def test_a_complete_drains(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-09", played(parts)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (done(0, "complete"), failed(1, "send", "", arg="producer:1"))),
        ("INCONCLUSIVE", (begun(0, "complete", "closer"), send(1, 1), back(0))),  # both at once
        ("INCONCLUSIVE", (done(0, "complete"), begun(1, "send", arg="producer:1"), refused(1, *GONE))),
        ("INCONCLUSIVE", (done(0, "complete"), waiting(1, 1), done(2, "cancel", "consumer"), back(1))),
        ("INCONCLUSIVE", (failed(0, "complete"), send(1, 1))),  # it was not completed
        ("FAIL", (done(0, "complete"), send(1, 1))),
        ("FAIL", (done(0, "complete"), waiting(1, 1), SETTLED, done(2, "cancel", "consumer"), refused(1))),
    ],
)
def test_a_send_after_the_end_is_refused(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-10", played(parts)).outcome == outcome


def test_a_deadline_may_have_come_before_the_complete(rule_on: RuleOn) -> None:
    parts = (done(0, "complete"), send(1, 1))
    assert rule_on("LC-10", played(parts, options={"idle_ms": 5})).outcome == "INCONCLUSIVE"


FULL = (sends(0, 1, 2), done(2, "complete", "closer"))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (FULL, takes(3, 0, 1, 2), end(5))),
        ("PASS", (FULL, takes(3, 0, 1, 2), failed(5, "receive", "UNKNOWN", "consumer"))),  # an ending, if a wrong one
        ("INCONCLUSIVE", (begun(9, "receive", "slow"), FULL, READING, SETTLED)),  # somebody was asking
        ("INCONCLUSIVE", (FULL, done(3, "pause", "other"), READING, SETTLED)),
        ("INCONCLUSIVE", (FULL, takes(3, 0, 1, 2), done(5, "cancel", "other"), READING, SETTLED)),
        ("FAIL", (FULL, done(3, "pause", "other"), done(4, "resume", "other"), READING, SETTLED)),
        ("FAIL", (FULL, takes(3, 0, 1, 2), READING, SETTLED)),
    ],
)
def test_an_ending_reaches_who_asks_later(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("LC-12", played(parts)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (sends(0, 1, 2), done(2, "error", arg="NO"), takes(3, 0, 1, 2), fail(5, "NO"))),
        ("PASS", (sends(0, 1, 2), done(2, "error", arg="NO"), takes(3, 0, 1, 2), fail(5, ""))),  # without a code
        ("INCONCLUSIVE", (sends(0, 1, 1), take(1, 0, 1), done(2, "error", arg="NO"), fail(3, "NO"))),
        # refused by the error, or overtaken by it
        ("INCONCLUSIVE", (waiting(0, 1), done(1, "error", "closer", "NO"), refused(0, "NO"), fail(2, "NO"))),
        ("INCONCLUSIVE", (waiting(0, 1), done(1, "error", "closer", "NO"), back(0), fail(2, "NO"))),
        ("INCONCLUSIVE", (sends(0, 1, 2), done(2, "complete"), done(3, "error", arg="NO"), fail(4, "NO"))),
        ("FAIL", (sends(0, 1, 2), done(2, "error", arg="NO"), take(3, 0, 1), fail(4, "NO"))),
        ("FAIL", (sends(0, 1, 2), done(2, "error"), fail(3, "INTERNAL"))),
    ],
)
def test_items_come_before_the_error(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("ER-04", played(parts)).outcome == outcome


def test_the_missing_items_are_named_by_number_and_sender(rule_on: RuleOn) -> None:
    parts = (sends(0, 1, 6), send(6, 1, "other"), done(7, "error", arg="NO"), take(8, 0, 1), fail(9, "NO"))
    verdict = rule_on("ER-04", played(parts))
    assert verdict.findings[0].expected == "7 items, then the error"
    assert verdict.findings[0].got == "1, then the error; missing 2, 3, 4 and 2 more of producer; 1 of other"


# -- states ------------------------------------------------------------------------------------------------------------


def seen(*words: str) -> History:
    return played(*((begun(n, "observe", "one"), told(state=word), back(n)) for n, word in enumerate(words)))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("PASS", ("OPEN", "DRAINING", "COMPLETED")),
        ("PASS", ("open", "closed")),
        ("PASS", ("State.ERRORED", "State.ERRORED")),
        ("PASS", ("Closing", "Cancelled")),
        ("INCONCLUSIVE", ("open", "open")),
        ("INCONCLUSIVE", ("READY", "SUSPENDED", "READY")),
        ("INCONCLUSIVE", ()),
        ("FAIL", ("closing", "open")),
        ("FAIL", ("closed", "closing")),
        ("FAIL", ("expired", "cancelled")),
    ],
)
def test_states_move_on(rule_on: RuleOn, outcome: str, words: tuple[str, ...]) -> None:
    assert rule_on("LC-11", seen(*words)).outcome == outcome


def test_two_looks_at_once_have_no_order(rule_on: RuleOn) -> None:
    crossed = (told(state="closed"), back(81), told(state="open"), back(80))
    assert rule_on("LC-11", played(*LOOKS, crossed, kind="threads")).outcome == "INCONCLUSIVE"
