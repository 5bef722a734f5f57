"""OI on objects at its edges: each sender's order, what may be lost with whom, and what several senders owe."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Item, Settled
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
    item,
    played,
    refused,
    send,
    sends,
    take,
    takes,
    waiting,
)

RuleOn = Callable[[str, History], Verdict]
GONE = ("", "CancelledError")
READING = begun(90, "receive", "consumer")
THREE = sends(0, 1, 3)


def told_of(verdict: Verdict) -> str:
    return " / ".join(f"expected {finding.expected}, got {finding.got}" for finding in verdict.findings)


# -- order -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (THREE, takes(3, 0, 1, 3))),
        ("PASS", (THREE, take(3, 0, 1), take(4, 1, 3))),  # a gap is OI-02's
        ("PASS", (THREE, take(3, 0, 1), take(4, 1, 2), take(5, 2, 1))),  # a repeat is OI-03's
        # two senders have no order between them
        ("PASS", (send(0, 1, "a"), sends(1, 1, 2, "b"), take(3, 0, 1, "b"), take(4, 1, 2, "b"), take(5, 2, 1, "a"))),
        # two receivers at once, and either is written down first
        (
            "INCONCLUSIVE",
            (THREE, begun(3, "receive", "slow"), take(4, 0, 2), back(3, "producer:1"), item(1, 1)),
        ),
        # a send that we dropped may have been accepted later than the next one
        ("INCONCLUSIVE", (waiting(0, 1), refused(0, *GONE), send(1, 2), take(2, 0, 2), take(3, 1, 1))),
        # an item that a dropped receive gave back when the next was gone
        (
            "INCONCLUSIVE",
            (
                *(begun(3, "receive", "gone"), begun(4, "receive", "c"), sends(0, 1, 2)),
                *(back(4, "producer:2"), item(0, 2), refused(3, *GONE), take(5, 1, 1)),
            ),
        ),
        ("INCONCLUSIVE", (send(0, 1), take(1, 0, 1))),
        ("FAIL", (THREE, take(3, 0, 2), take(4, 1, 1))),
        ("FAIL", (THREE, take(3, 0, 3, by="one"), take(4, 1, 1, by="other"))),
        # that drop was over before either was taken
        (
            "FAIL",
            (begun(9, "receive", "gone"), refused(9, *GONE), THREE, take(3, 0, 2, by="one"), take(4, 1, 1)),
        ),
    ],
)
def test_each_senders_items_come_in_order(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("OI-01", played(parts)).outcome == outcome


def test_an_iteration_beside_a_receive_has_no_known_order(rule_on: RuleOn) -> None:
    beside = (begun(3, "iterate", "one"), begun(4, "receive", "two"))
    crossed = (THREE, beside, item(0, 2), back(4, "producer:1"), item(1, 1))
    assert rule_on("OI-01", played(crossed)).outcome == "INCONCLUSIVE"
    assert rule_on("OI-01", played(THREE, beside[0], item(0, 2), item(1, 1), back(3, "end"))).outcome == "FAIL"


def test_what_a_feed_takes_from_its_source_keeps_its_order(rule_on: RuleOn) -> None:
    one = begun(0, "feed", "producer")
    swapped = (take(2, 0, 2, "source"), take(3, 1, 1, "source"))
    assert rule_on("OI-01", played(one, swapped)).outcome == "FAIL"
    assert rule_on("OI-01", played(one, begun(1, "feed", "other"), swapped)).outcome == "INCONCLUSIVE"


# -- loss --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (THREE, done(3, "complete"), takes(4, 0, 1, 3), end(7))),
        # a send that was still waiting is let in by the end, or refused
        ("PASS", (waiting(0, 1), done(1, "complete", "closer"), take(2, 0, 1), back(0), end(3))),
        ("PASS", (send(0, 1), waiting(1, 2), done(2, "complete", "closer"), refused(1), take(3, 0, 1), end(4))),
        # a send that we dropped, or that timed out, need not arrive; the dropped one may
        ("PASS", (send(0, 1), waiting(1, 2), refused(1, *GONE), take(2, 0, 1), READING, SETTLED)),
        ("PASS", (send(0, 1), waiting(1, 2), refused(1, *GONE), take(2, 0, 1), take(3, 1, 2), READING, SETTLED)),
        ("PASS", (send(0, 1), failed(1, "send", "TIMED_OUT", arg="producer:2"), take(2, 0, 1), READING, SETTLED)),
        # what is accepted after the end is LC-10's
        ("PASS", (send(0, 1), done(1, "complete"), send(2, 2), take(3, 0, 1), end(4))),
        # what an ending does to a send that waits is not this rule's
        ("INCONCLUSIVE", (waiting(0, 1), done(1, "error", "closer"), refused(0, "INTERNAL"), take(2, 0, 1))),
        # nobody asked for the rest
        ("INCONCLUSIVE", (THREE, take(3, 0, 1), SETTLED)),
        ("INCONCLUSIVE", (THREE, take(3, 0, 1), done(4, "cancel", "consumer"), READING, SETTLED)),
        ("INCONCLUSIVE", (THREE, take(3, 0, 1), done(4, "error"), fail(5), READING, SETTLED)),
        ("INCONCLUSIVE", (THREE, take(3, 0, 1), done(4, "pause", "other"), READING, SETTLED)),
        # an error that came first may have taken them, whatever the end says
        ("INCONCLUSIVE", (THREE, done(3, "error"), done(4, "complete"), take(5, 0, 1), end(6))),
        # left in the middle
        ("INCONCLUSIVE", (THREE, done(3, "complete"), begun(4, "iterate", "c", "1"), item(0, 1), back(4, "break"))),
        # as many are missing as receives were dropped
        ("INCONCLUSIVE", (begun(9, "receive", "gone"), send(0, 1), refused(9, *GONE), READING, SETTLED)),
        ("FAIL", (begun(9, "receive", "gone"), sends(0, 1, 2), refused(9, *GONE), READING, SETTLED)),
        ("FAIL", (THREE, done(3, "complete"), takes(4, 0, 1, 2), end(6))),
        ("FAIL", (waiting(0, 1), done(1, "complete", "closer"), end(2), back(0))),
        ("FAIL", (THREE, takes(3, 0, 1, 2), READING, SETTLED)),
        ("FAIL", (THREE, done(3, "pause", "o"), done(4, "resume", "o"), takes(5, 0, 1, 2), READING, SETTLED)),
    ],
)
def test_nothing_that_was_accepted_is_lost(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("OI-02", played(parts)).outcome == outcome


def test_with_threads_only_a_receive_that_was_due_and_had_its_time_waits_in_vain(rule_on: RuleOn) -> None:
    def at_rest(late: tuple[str, ...], step_ms: float) -> Verdict:
        parts = (THREE, takes(3, 0, 1, 2), READING, Settled(exact=False, late=late))
        return rule_on("OI-02", played(parts, kind="threads", step_ms=step_ms))

    assert at_rest((), 5_000).outcome == "INCONCLUSIVE"
    assert at_rest(("consumer",), 10).outcome == "INCONCLUSIVE"  # late with all it was told, and this the last of it
    assert told_of(at_rest(("consumer",), 5_000)) == (
        "expected all 3 items that were accepted, got 2, and consumer waits in vain; missing 3 of producer"
    )


def test_a_gap_in_what_was_fed_is_a_loss(rule_on: RuleOn) -> None:
    fed = (begun(0, "feed", "producer"), take(1, 0, 1, "source"), take(2, 1, 3, "source"), back(0), end(3))
    assert told_of(rule_on("OI-02", played(fed))) == "expected every item of the source, got source:3 after a gap"


@pytest.mark.parametrize(
    "came",
    [
        Item(0, 11, "0" * 16, "producer:1!", 0),
        Item(0, 10, "0" * 16, "producer:9", 0, "producer", 9),
        Item(0, 300, "0" * 16, "producer:1", 0, "producer", 1),
    ],
    ids=["altered", "invented", "longer than its beginning"],
)
def test_what_nobody_sent_does_not_arrive(rule_on: RuleOn, came: Item) -> None:
    verdict = rule_on("OI-02", played(send(0, 1), begun(1, "receive", "consumer"), back(1, came.prefix), came))
    assert told_of(verdict) == f"expected items as they were sent, got {came.prefix!r}, which nobody sent"


def test_padding_belongs_to_the_item(rule_on: RuleOn) -> None:
    text = "producer:1 " + "." * 989
    sent = done(0, "send", arg=text)
    came = Item(0, 1000, "0" * 16, text[:200], 0, "producer", 1)
    whole = played(sent, begun(1, "receive", "consumer"), back(1, text[:200]), came, READING, SETTLED)
    assert rule_on("OI-02", whole).outcome == "PASS"


# -- repeats -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (THREE, takes(3, 0, 1, 3))),
        ("PASS", (send(0, 1, "a"), send(1, 1, "b"), take(2, 0, 1, "a"), take(3, 1, 1, "b"))),
        ("INCONCLUSIVE", (send(0, 1), take(1, 0, 1))),
        ("FAIL", (THREE, take(3, 0, 1), take(4, 1, 1))),
        ("FAIL", (THREE, take(3, 0, 1, by="one"), begun(4, "iterate", "other"), item(1, 1))),
    ],
)
def test_no_item_comes_twice(rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]) -> None:
    assert rule_on("OI-03", played(parts)).outcome == outcome


# -- several senders ---------------------------------------------------------------------------------------------------

AT_ONCE = (waiting(0, 1, "a"), waiting(1, 1, "b"), back(0), back(1), waiting(2, 2, "a"), waiting(3, 2, "b"))
RECEIVED = (back(3), back(2), take(4, 0, 1, "b"), take(5, 1, 1, "a"), take(6, 2, 2, "a"), take(7, 3, 2, "b"))


@pytest.mark.parametrize(
    ("outcome", "parts"),
    [
        ("PASS", (AT_ONCE, RECEIVED)),
        ("INCONCLUSIVE", (sends(0, 1, 2, "a"), sends(2, 1, 2, "b"), take(4, 0, 1, "a"), take(5, 1, 1, "b"))),
        ("INCONCLUSIVE", (AT_ONCE, take(4, 0, 1, "b"), take(5, 1, 1, "a"))),
        ("FAIL", (AT_ONCE, RECEIVED[:2], take(4, 0, 2, "b"), take(5, 1, 1, "a"), take(6, 2, 1, "b"))),
        ("FAIL", (AT_ONCE, begun(4, "receive", "c"), back(4, "ab:1"), Item(0, 4, "0" * 16, "ab:1", 0, "ab", 1))),
    ],
)
def test_senders_at_once_keep_their_order_and_their_items(
    rule_on: RuleOn, outcome: str, parts: tuple[Part, ...]
) -> None:
    assert rule_on("OI-15", played(parts)).outcome == outcome


def test_a_third_sender_who_was_alone_is_not_asked(rule_on: RuleOn) -> None:
    alone = (sends(20, 1, 2, "c"), take(22, 4, 2, "c"), take(23, 5, 1, "c"))
    assert rule_on("OI-15", played(AT_ONCE, RECEIVED, alone)).outcome == "PASS"
    assert rule_on("OI-01", played(AT_ONCE, RECEIVED, alone)).outcome == "FAIL"
