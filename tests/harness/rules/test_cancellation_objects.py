"""CN on objects: what honest streams do when they are cancelled, however odd, and the words for those that are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from streamspec.harness.core.event import Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, Verdict
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
    played,
    refused,
    send,
    sends,
    take,
    together,
    told,
    waiting,
)

RuleOn = Callable[[str, History], Verdict]
LATER_MS: Final = 250  # a step in which a stream with threads has had time to notice
QUIET: Final = Settled(exact=False)
FULL: Final = (*sends(0, 1, 2), done(2, "cancel", "canceller"), SETTLED)
C: Final = "CANCELLED"


def cancel(call: int) -> tuple[Part, ...]:
    return done(call, "cancel", "canceller")


def told_of(verdict: Verdict) -> str:
    return " / ".join(f"expected {f.expected}, got {f.got}" for f in verdict.findings)


def no(call: int, op: str = "receive") -> tuple[Part, ...]:
    return failed(call, op, C, "consumer" if op == "receive" else "producer")


# -- CN-01 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        played(*sends(0, 1, 2), cancel(2), send(3, 3)),
        played(*sends(0, 1, 2), cancel(2), send(3, 3), SETTLED),
        played(*sends(0, 1, 2), cancel(2), send(3, 3), QUIET, send(4, 4), kind="threads"),
        played(*sends(0, 1, 2), begun(2, "cancel"), SETTLED, send(3, 3)),
        played(*sends(0, 1, 2), failed(2, "cancel"), SETTLED, send(3, 3)),
        played(*FULL, begun(3, "send"), refused(3, "", "CancelledError")),
        played(*FULL, waiting(3, 3)),
    ],
    ids=[
        "not noticed yet",
        "was called before it had to be noticed",
        "with threads, a few milliseconds later",
        "the cancel did not come back",
        "the cancel was refused",
        "we dropped it ourselves",
        "it may still be answered",
    ],
)
def test_a_send_that_shows_nothing_of_the_cancel(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-01", history).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("ended", "options"),
    [
        (done(2, "complete"), {}),
        (done(2, "error", arg="NOT_FOUND"), {}),
        (done(2, "feed", "feeder"), {}),
        ((told(handler="began"), told(handler="returned")), {}),
        ((), {"deadline_ms": 5}),
        ((), {"idle_ms": 5}),
    ],
    ids=["completed", "failed", "fed", "left by its handler", "with a deadline", "with a limit on idleness"],
)
def test_a_stream_that_may_have_ended_otherwise_may_name_that(
    rule_on: RuleOn, ended: tuple[Part, ...], options: dict[str, int]
) -> None:
    history = played(sends(0, 1, 2), ended, cancel(3), SETTLED, failed(4, "send", "UNAVAILABLE"), options=options)
    assert rule_on("CN-01", history).outcome is Outcome.INCONCLUSIVE


def test_a_handler_that_is_at_work_has_ended_nothing(rule_on: RuleOn) -> None:
    history = played(begun(0, "produce", "maker"), told(handler="began"), cancel(1), SETTLED, no(2, "send"))
    assert rule_on("CN-01", history).outcome is Outcome.PASS


def test_under_a_scheduler_the_senders_have_other_streams(rule_on: RuleOn) -> None:
    history = played(done(0, "schedule", arg="high:9 low:1"), cancel(1), SETTLED, send(2, 1, by="high"))
    assert rule_on("CN-01", history).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (send(3, 3), "got producer:3 was accepted"),
        (failed(3, "send", "TIMED_OUT", arg="producer:3"), "got producer:3 was refused with TIMED_OUT"),
        ((waiting(3, 3), SETTLED), "got producer:3 still waits"),
    ],
    ids=["accepted", "refused otherwise", "waits"],
)
def test_a_send_after_the_cancel_is_told_by_its_item(rule_on: RuleOn, late: tuple[Part, ...], words: str) -> None:
    verdict = rule_on("CN-01", played(*FULL, late))
    assert verdict.outcome is Outcome.FAIL
    assert words in told_of(verdict)


def test_with_threads_time_must_have_passed(rule_on: RuleOn) -> None:
    history = played(sends(0, 1, 2), cancel(2), QUIET, send(3, 3), kind="threads", step_ms=LATER_MS)
    assert rule_on("CN-01", history).outcome is Outcome.FAIL


# -- CN-03 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        played(*sends(0, 1, 2), done(2, "complete"), cancel(3), SETTLED, take(4, 0, 1)),
        played(*sends(0, 1, 2), done(2, "error", arg="NOT_FOUND"), cancel(3), SETTLED, take(4, 0, 1)),
        played(*sends(0, 1, 2), begun(2, "receive", "consumer"), cancel(3), SETTLED, back(2, "producer:1"), item(0, 1)),
        played(*FULL, end(3), done(4, "complete"), end(5, first=False)),
        played(*FULL, no(3), done(4, "complete"), end(5)),
        played(done(0, "error", arg="NOT_FOUND"), cancel(1), SETTLED, failed(2, "error"), fail(3, "NOT_FOUND")),
    ],
    ids=[
        "a cancel after the end changes nothing",
        "nor after an error",
        "the receive had been called before",
        "end is its word for closed",
        "it tells of the cancel once, and has ended then",
        "the error came before the cancel",
    ],
)
def test_what_may_still_reach_the_consumer(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-03", history).outcome in {Outcome.INCONCLUSIVE, Outcome.PASS}


def test_an_end_is_held_against_a_stream_that_has_another_word_for_closed(rule_on: RuleOn) -> None:
    one, other = (*FULL, no(3), no(4)), (*FULL, done(3, "complete"), end(4))
    verdict = rule_on("CN-03", together(("1", {}, one), ("2", {}, other)))
    assert verdict.outcome is Outcome.FAIL
    assert "expected complete() after the cancel shows nowhere, got receive answered end" in told_of(verdict)


def test_an_item_after_the_cancel_is_named(rule_on: RuleOn) -> None:
    verdict = rule_on("CN-03", played(*FULL, take(3, 0, 1), take(4, 1, 2)))
    assert "expected no item after the cancel, got 2, the first is producer:1" in told_of(verdict)


# -- CN-08 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        played(*sends(0, 1, 2), cancel(2), SETTLED, send(3, 3)),
        played(*sends(0, 1, 2), take(2, 0, 1), cancel(3), SETTLED),
        played(*sends(0, 1, 2), take(2, 0, 1), done(3, "complete"), cancel(4), SETTLED, take(5, 1, 2)),
        played(*sends(0, 1, 2), take(2, 0, 1), waiting(3, 3), cancel(4), back(3), SETTLED),
    ],
    ids=["nothing was received before", "nobody produced", "it had ended before", "a send that was on its way"],
)
def test_no_evidence_that_production_goes_on(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-08", history).outcome is Outcome.INCONCLUSIVE


def test_a_producer_that_waited_and_was_refused_has_stopped(rule_on: RuleOn) -> None:
    history = played(*sends(0, 1, 2), take(2, 0, 1), waiting(3, 3), cancel(4), refused(3, C), SETTLED)
    assert rule_on("CN-08", history).outcome is Outcome.PASS


def test_what_was_produced_after_the_cancel_is_counted(rule_on: RuleOn) -> None:
    history = played(*sends(0, 1, 2), take(2, 0, 1), cancel(3), SETTLED, sends(4, 3, 7))
    words = "expected neither production nor delivery after a cancel at item 1, got 5 more items accepted, 0 delivered"
    assert words in told_of(rule_on("CN-08", history))


# -- CN-10 -------------------------------------------------------------------------------------------------------------


def race(*seen: Part) -> tuple[Part, ...]:
    return (begun(0, "complete"), begun(1, "cancel", "canceller"), back(0), back(1), seen)


ENDED: Final = race(end(2), end(3, first=False), SETTLED)
REFUSED: Final = race(no(2), no(3), SETTLED)


@pytest.mark.parametrize(
    "seen",
    [
        race(end(2), no(3), SETTLED),
        race(end(2), failed(3, "receive", "", "consumer"), SETTLED),
        race(begun(2, "receive", "consumer"), done(3, "pause"), SETTLED),
        race(begun(2, "receive", "consumer"), begun(3, "receive", "other"), SETTLED),
        race(end(2), begun(3, "receive", "consumer"), SETTLED),
        race(begun(2, "receive", "consumer"), Settled(exact=False)),
        (begun(0, "complete"), failed(1, "cancel"), begun(2, "receive", "consumer"), SETTLED),
        (*race(no(2)), done(3, "error", arg=C), end(4)),
    ],
    ids=[
        "closed after its end, with a code",
        "closed after its end, without one",
        "paused",
        "several consumers, of whom one is told",
        "had its outcome before",
        "with threads it may only be slow",
        "the cancel was refused",
        "an error called CANCELLED",
    ],
)
def test_an_honest_race(rule_on: RuleOn, seen: tuple[Part, ...]) -> None:
    outcome = rule_on("CN-10", together(("1", {}, seen), ("2", {}, ENDED), ("3", {}, REFUSED))).outcome
    assert outcome is Outcome.PASS


def test_a_race_that_always_goes_one_way_is_no_race(rule_on: RuleOn) -> None:
    verdict = rule_on("CN-10", together(("1", {}, ENDED), ("2", {}, ENDED)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "in 2 trials the outcome was always completed"


def test_the_trials_that_turned_are_counted(rule_on: RuleOn) -> None:
    turned = race(no(2), end(3), SETTLED)
    verdict = rule_on("CN-10", together(("1", {}, turned), ("2", {}, REFUSED), ("3", {}, turned)))
    assert "got CANCELLED and then end, 2 times in 3" in told_of(verdict)


def test_with_threads_who_was_due_and_late_was_left_waiting(rule_on: RuleOn) -> None:
    late = Settled(exact=False, late=("consumer",))
    verdict = rule_on("CN-10", played(*race(begun(2, "receive", "consumer"), late), kind="threads"))
    assert verdict.outcome is Outcome.FAIL
    assert "got consumer still waits in receive" in told_of(verdict)


# -- CN-13 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "history",
    [
        played(sends(0, 1, 2), begun(2, "cancel", "a"), failed(3, "cancel", "UNAVAILABLE", "b"), back(2), SETTLED),
        played(*FULL, begun(3, "cancel", "script"), refused(3, "", "CancelledError"), SETTLED),
        played(*FULL, failed(3, "send", C), send(4, 4), cancel(5), SETTLED, send(6, 5)),
        played(told(cleanup__a=1), *FULL, told(cleanup__a=2)),
    ],
    ids=["at once", "we dropped it ourselves", "it was open again before", "not cancelled twice"],
)
def test_what_no_second_cancel_did(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-13", history).outcome in {Outcome.INCONCLUSIVE, Outcome.PASS}


def test_a_second_cancel_may_answer_what_it_likes(rule_on: RuleOn) -> None:
    history = played(*FULL, done(3, "cancel", "other", value="False"), SETTLED, no(4, "send"))
    assert rule_on("CN-13", history).outcome is Outcome.PASS


def test_a_second_cancel_that_raises_is_told_by_its_code_or_its_type(rule_on: RuleOn) -> None:
    coded = rule_on("CN-13", played(*FULL, failed(3, "cancel", "UNAVAILABLE")))
    plain = rule_on("CN-13", played(*FULL, begun(3, "cancel"), refused(3, "", "ValueError")))
    assert "got it raised UNAVAILABLE" in told_of(coded)
    assert "got it raised ValueError" in told_of(plain)
