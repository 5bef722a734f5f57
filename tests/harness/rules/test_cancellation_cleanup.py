"""CN on objects: what need not have been cleaned up, by whom and when, and the words for what was not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from streamspec.harness.core.calls import BREAK
from streamspec.harness.core.event import Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    failed,
    item,
    played,
    refused,
    send,
    sends,
    together,
    told,
    waiting,
)

RuleOn = Callable[[str, History], Verdict]
LATER_MS: Final = 250  # a step in which a stream with threads has had time to notice
QUIET: Final = Settled(exact=False)
C: Final = "CANCELLED"


def cancel(call: int) -> tuple[Part, ...]:
    return done(call, "cancel", "canceller")


def told_of(verdict: Verdict) -> str:
    return " / ".join(f"expected {f.expected}, got {f.got}" for f in verdict.findings)


def no(call: int, op: str = "receive") -> tuple[Part, ...]:
    return failed(call, op, C, "consumer" if op == "receive" else "producer")


# -- CN-04, CN-05 ------------------------------------------------------------------------------------------------------

LISTEN: Final = done(0, "listen", arg="a")
THREE: Final = ("1", "2", "3")


@pytest.mark.parametrize(
    "history",
    [
        played(send(0, 1), done(1, "complete"), cancel(2), done(3, "listen", arg="a"), SETTLED),
        played(send(0, 1), begun(1, "listen", arg="a"), cancel(2), back(1), SETTLED),
        played(LISTEN, send(1, 1), done(2, "error", arg="NOT_FOUND"), cancel(3), SETTLED),
        played(LISTEN, send(1, 1), failed(2, "cancel"), done(3, "cancel"), SETTLED),
        played(LISTEN, send(1, 1), cancel(2)),
        together(
            *((name, {}, (LISTEN, send(1, 1), cancel(2), QUIET)) for name in THREE[:2]),
            kind="threads",
            step_ms=LATER_MS,
        ),
        together(
            *((name, {}, (LISTEN, send(1, 1), cancel(2), QUIET)) for name in THREE),
            ("4", {}, (LISTEN, send(1, 1), cancel(2), told(cleanup__a=1), QUIET)),
            kind="threads",
            step_ms=LATER_MS,
        ),
        together(*((name, {}, (LISTEN, send(1, 1), cancel(2), QUIET)) for name in THREE), kind="threads"),
    ],
    ids=[
        "added after the end",
        "added while it was cancelled",
        "it had failed, and was cleaned up then or not",
        "its first cancel was refused, by a cleanup that raised",
        "nobody waited for it",
        "with threads, twice only",
        "with threads, once it ran",
        "with threads, no time passed",
    ],
)
def test_a_cleanup_that_need_not_have_run(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-04", history).outcome in {Outcome.INCONCLUSIVE, Outcome.PASS}
    assert rule_on("CN-05", history).outcome in {Outcome.INCONCLUSIVE, Outcome.PASS}


def test_two_cleanups_of_one_name_are_two(rule_on: RuleOn) -> None:
    both = (LISTEN, done(1, "listen", arg="a"), send(2, 1))
    history = played(*both, begun(3, "cancel"), told(cleanup__a=1), told(cleanup__a=1), back(3), SETTLED)
    assert rule_on("CN-04", history).outcome is Outcome.PASS


def test_before_the_first_item_a_missing_cleanup_is_the_other_rules_finding(rule_on: RuleOn) -> None:
    before = played(LISTEN, cancel(1), SETTLED)
    later = played(LISTEN, send(1, 1), cancel(2), SETTLED)
    assert [rule_on(name, before).outcome for name in ("CN-04", "CN-05")] == [Outcome.INCONCLUSIVE, Outcome.FAIL]
    assert [rule_on(name, later).outcome for name in ("CN-04", "CN-05")] == [Outcome.FAIL, Outcome.INCONCLUSIVE]


def test_a_cleanup_is_told_by_its_name(rule_on: RuleOn) -> None:
    missing = rule_on("CN-04", played(LISTEN, send(1, 1), cancel(2), SETTLED))
    again = rule_on("CN-04", played(LISTEN, done(1, "complete"), told(cleanup__a=1), told(cleanup__a=2), SETTLED))
    assert "expected the cleanup a runs once, got it never ran" in told_of(missing)
    assert "expected the cleanup a runs once, got it ran 2 times" in told_of(again)


# -- CN-16 -------------------------------------------------------------------------------------------------------------

FED: Final = (begun(0, "feed", "feeder"), told(open=1))


@pytest.mark.parametrize(
    "history",
    [
        played(*FED, cancel(1)),
        played(*FED, cancel(1), QUIET, kind="threads", step_ms=LATER_MS),
        played(*FED, cancel(1), refused(0, "", "CancelledError"), SETTLED),
        played(begun(0, "feed", "feeder"), cancel(1), SETTLED),
        played(*FED, failed(1, "cancel"), SETTLED),
    ],
    ids=["nobody waited", "a thread waits for its source", "we dropped it", "it was never begun", "refused"],
)
def test_a_source_that_need_not_have_been_closed(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-16", history).outcome is Outcome.INCONCLUSIVE


def test_a_source_that_stays_open_is_a_warning(rule_on: RuleOn) -> None:
    verdict = rule_on("CN-16", played(*FED, cancel(1), refused(0, C), SETTLED))
    assert verdict.outcome is Outcome.WARN
    assert "expected the source's open count is 0 after the cancel, got it is 1" in told_of(verdict)


def test_with_threads_a_feeder_that_is_late_has_not_closed_it(rule_on: RuleOn) -> None:
    late = Settled(exact=False, late=("feeder",))
    verdict = rule_on("CN-16", played(*FED, cancel(1), late, kind="threads", step_ms=LATER_MS))
    assert verdict.outcome is Outcome.WARN


# -- CN-18 -------------------------------------------------------------------------------------------------------------

LEFT: Final = (*sends(0, 1, 2), begun(2, "iterate", "consumer", "2"), item(0, 1), item(1, 2), back(2, BREAK))


@pytest.mark.parametrize(
    "history",
    [
        played(*LEFT, send(3, 3)),
        played(*LEFT, waiting(3, 3)),
        played(*LEFT, waiting(3, 3), QUIET, kind="threads", step_ms=LATER_MS),
        played(*LEFT, waiting(3, 3), back(3), SETTLED),
        played(*sends(0, 1, 2), cancel(2), done(3, "iterate", "consumer", value=BREAK), SETTLED, no(4, "send")),
        played(*sends(0, 1, 2), done(2, "iterate", "consumer", value="end"), SETTLED, send(3, 3)),
        played(*LEFT, done(3, "complete"), SETTLED, failed(4, "send", "UNAVAILABLE")),
    ],
    ids=[
        "not noticed yet",
        "it may still be answered",
        "with threads it may only be slow",
        "it was on its way",
        "cancelled anyhow",
        "not left early",
        "completed meanwhile",
    ],
)
def test_a_leaving_that_shows_nothing(rule_on: RuleOn, history: History) -> None:
    assert rule_on("CN-18", history).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("after", "words"),
    [((SETTLED, send(3, 3)), "got producer:3 was accepted"), ((waiting(3, 3), SETTLED), "got producer:3 still waits")],
    ids=["accepted", "waits"],
)
def test_a_producer_that_nobody_told_of_the_leaving(rule_on: RuleOn, after: tuple[Part, ...], words: str) -> None:
    verdict = rule_on("CN-18", played(*LEFT, after))
    assert verdict.outcome is Outcome.WARN
    assert words in told_of(verdict)
