"""OI-13 at its edges: what two answers without a coding must agree on, and what a coded one owes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Completed, Deviation, Elided, Event, Failed, Item
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, TYPES, chunked, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
GZIP = ("Content-Encoding", "gzip")
THREE = (item(0), item(1), item(2))
OVER = (ENDED, EOF)


def answers(
    *coded: Event,
    without: tuple[Event, ...] = (*THREE, *OVER),
    after: tuple[Event, ...] | None = None,
    coding: tuple[str, str] | None = GZIP,
    binding: str = "sse",
) -> History:
    opened = chunked(binding, *((coding,) if coding else ()))
    return written(
        *told("finite-1", ASK, chunked(binding), *without),
        *told("finite-2", ASK, opened, *coded, start_ms=100),
        *told("finite-3", ASK, chunked(binding), *(without if after is None else after), start_ms=200),
        binding=binding,
        asks={"finite-2": Ask(coding="gzip")},
    )


@pytest.mark.parametrize("binding", TYPES)
@pytest.mark.parametrize(
    ("outcome", "coded"),
    [
        ("PASS", (*THREE, *OVER)),
        ("PASS", (*THREE, Completed(), *OVER)),
        ("FAIL", (*THREE[:2], *OVER)),
        ("FAIL", OVER),
        ("FAIL", (item(0), item(1), item(2), item(3), *OVER)),
        ("FAIL", (item(1), item(0), item(2), *OVER)),
        ("FAIL", (item(0), item(1, 7), item(2), *OVER)),
        ("FAIL", (*THREE, Deviation("coding.cut", 60), *OVER)),
        ("FAIL", (Deviation("coding.invalid", 0), *OVER)),
        ("INCONCLUSIVE", (*THREE[:2], EOF)),
        ("INCONCLUSIVE", (*THREE[:2], RESET)),
        ("INCONCLUSIVE", (*THREE[:2], *CLOSE)),
        ("INCONCLUSIVE", (*THREE[:2], Deviation("coding.cut", 40), EOF)),
        ("INCONCLUSIVE", (*THREE[:2], Deviation("coding.too-large", 40), *OVER)),
        ("INCONCLUSIVE", (*THREE[:2], Failed("X"), *OVER)),
        ("INCONCLUSIVE", (*THREE[:2], Elided("Item", 1), *OVER)),
    ],
)
def test_a_coding_leaves_the_items_as_they_are(
    rule_on: RuleOn, outcome: str, coded: tuple[Event, ...], binding: str
) -> None:
    assert rule_on("OI-13", answers(*coded, binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "coding", "coded"),
    [
        ("PASS", None, (*THREE, *OVER)),
        ("PASS", ("Content-Encoding", "identity"), (*THREE, *OVER)),
        ("PASS", ("Content-Encoding", "GZIP"), (*THREE, *OVER)),
        ("INCONCLUSIVE", None, (*THREE[:2], *OVER)),
        ("INCONCLUSIVE", ("Content-Encoding", "br"), OVER),
    ],
)
def test_an_answer_without_a_coding_is_no_fault(
    rule_on: RuleOn, outcome: str, coding: tuple[str, str] | None, coded: tuple[Event, ...]
) -> None:
    assert rule_on("OI-13", answers(*coded, coding=coding)).outcome == outcome


def clocked(*pairs: tuple[int, int]) -> tuple[Event, ...]:
    """Items with a number and with the time."""
    return (*(Item(n, 9, f"{at:016x}", f"{at}", 20 * n, "", n) for n, at in pairs), *OVER)


@pytest.mark.parametrize(
    ("outcome", "coded"), [("PASS", clocked((1, 8), (2, 9))), ("FAIL", clocked((1, 8))), ("FAIL", clocked((2, 8)))]
)
def test_items_that_carry_the_time_are_compared_by_their_numbers(
    rule_on: RuleOn, outcome: str, coded: tuple[Event, ...]
) -> None:
    history = answers(*coded, without=clocked((1, 1), (2, 2)), after=clocked((1, 21), (2, 22)))
    assert rule_on("OI-13", history).outcome == outcome


@pytest.mark.parametrize(
    ("without", "after"),
    [
        ((*THREE, *OVER), (*THREE[:2], *OVER)),
        (OVER, OVER),
        ((*THREE, EOF), (*THREE, *OVER)),
        ((*THREE, *OVER), (*THREE, Failed("X"), *OVER)),
    ],
)
def test_without_two_answers_alike_there_is_nothing_to_compare(
    rule_on: RuleOn, without: tuple[Event, ...], after: tuple[Event, ...]
) -> None:
    assert rule_on("OI-13", answers(*THREE[:1], *OVER, without=without, after=after)).outcome == "INCONCLUSIVE"


def test_one_control_is_none(rule_on: RuleOn) -> None:
    rows = (
        *told("finite-1", ASK, head(), *THREE, *OVER),
        *told("finite-2", ASK, chunked("sse", GZIP), *THREE[:1], *OVER, start_ms=100),
    )
    assert rule_on("OI-13", written(*rows, asks={"finite-2": Ask(coding="gzip")})).outcome == "INCONCLUSIVE"
