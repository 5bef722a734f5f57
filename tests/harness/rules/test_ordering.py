"""OI at its edges: order, loss and repeats are read from what counts, never from equal payloads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.event import (
    Completed,
    Deviation,
    Elided,
    Event,
    Expired,
    Failed,
    Item,
    Opened,
)
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
PLAIN: dict[str, str | int | bool] = {"profile.terminal": False, "profile.error_channel": False, "finite.seq": "$.n"}
MARKED: dict[str, str | int | bool] = {"profile.terminal": True, "profile.error_channel": True, "finite.seq": "$.n"}


def counting(*numbers: int) -> tuple[Item, ...]:
    return tuple(item(n, number) for n, number in enumerate(numbers))


def unnumbered(n: int) -> Item:
    return Item(n, 4, "0" * 16, "same", 20 * n)


@pytest.mark.parametrize(
    ("outcome", "numbers"),
    [
        ("PASS", (1, 2, 3)),
        ("PASS", (0, 1)),
        ("PASS", (-3, -2, 7)),
        ("PASS", (10, 20, 30)),
        ("PASS", (1, 2, 1, 3, 2, 4)),
        ("FAIL", (2, 1)),
        ("FAIL", (1, 2, 3, 5, 4)),
        ("FAIL", (3, 2, 1)),
        ("INCONCLUSIVE", (1,)),
        ("INCONCLUSIVE", (1, 1, 1)),
        ("INCONCLUSIVE", ()),
    ],
)
@pytest.mark.parametrize("role", ["finite", "endless"])
def test_items_come_in_order(rule_on: RuleOn, outcome: str, numbers: tuple[int, ...], role: str) -> None:
    assert rule_on("OI-01", written(*told(role, ASK, head(), *counting(*numbers), *CLOSE))).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "numbers"),
    [
        ("PASS", (1, 2, 3)),
        ("PASS", (3, 1, 2)),
        ("PASS", (1, 9)),
        ("FAIL", (1, 1)),
        ("FAIL", (1, 2, 3, 1)),
        ("INCONCLUSIVE", (1,)),
    ],
)
def test_items_come_once(rule_on: RuleOn, outcome: str, numbers: tuple[int, ...]) -> None:
    assert rule_on("OI-03", written(*told("finite", ASK, head(), *counting(*numbers), *CLOSE))).outcome == outcome


@pytest.mark.parametrize("rule", ["OI-01", "OI-03"])
def test_equal_payloads_without_numbers_prove_nothing(rule_on: RuleOn, rule: str) -> None:
    history = written(*told("finite", ASK, head(), *(unnumbered(n) for n in range(5)), ENDED, EOF))
    assert rule_on(rule, history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", ["OI-01", "OI-03"])
def test_items_without_a_number_among_others_are_passed_over(rule_on: RuleOn, rule: str) -> None:
    events = (item(0, 1), unnumbered(1), item(2, 2), unnumbered(3))
    assert rule_on(rule, written(*told("endless", ASK, head(), *events, *CLOSE))).outcome == "PASS"


@pytest.mark.parametrize("rule", ["OI-01", "OI-03"])
def test_two_streams_count_for_themselves(rule_on: RuleOn, rule: str) -> None:
    rows = (row for n in (1, 2) for row in told(f"endless-{n}", ASK, head(), *counting(1, 2), *CLOSE))
    assert rule_on(rule, written(*rows)).outcome == "PASS"


@pytest.mark.parametrize(
    ("outcome", "due", "events"),
    [
        ("PASS", 3, (*counting(1, 2, 3), ENDED, EOF)),
        ("PASS", 3, (*counting(0, 1, 2), ENDED, EOF)),
        ("PASS", 3, (*counting(3, 1, 2), ENDED, EOF)),
        ("PASS", 3, (*counting(1, 2, 3, 3), ENDED, RESET)),
        ("PASS", 3, (*counting(1, 2, 3), Completed(), ENDED, *CLOSE)),
        ("FAIL", 3, (*counting(1, 3), ENDED, EOF)),
        ("FAIL", 3, (*counting(1, 2), ENDED, EOF)),
        ("FAIL", 3, (*counting(1, 2, 2), ENDED, EOF)),
        ("FAIL", 3, (*counting(1, 2), Completed(), ENDED, EOF)),
        ("FAIL", 1, (ENDED, EOF)),
        ("INCONCLUSIVE", 0, (ENDED, EOF)),
        ("INCONCLUSIVE", 3, (*counting(1, 2), RESET)),
        ("INCONCLUSIVE", 3, (*counting(1, 2), EOF)),
        ("INCONCLUSIVE", 3, (*counting(1, 2), *CLOSE)),
        ("INCONCLUSIVE", 3, (*counting(1, 2), Expired("finite_ms", 30_000), *CLOSE)),
        ("INCONCLUSIVE", 3, (*counting(1, 2, 3, 4), ENDED, EOF)),
        ("INCONCLUSIVE", 3, (item(0, 1), unnumbered(1), ENDED, EOF)),
        ("INCONCLUSIVE", 3, (item(0, 1), ENDED, EOF, Elided("Item", 2))),
        ("INCONCLUSIVE", 2, (*counting(1), Failed("BACKEND_DOWN"), ENDED, EOF)),
    ],
)
def test_nothing_is_lost(rule_on: RuleOn, outcome: str, due: int, events: tuple[Event, ...]) -> None:
    history = written(*told("finite", ASK, head(), *events), declared=MARKED | {"finite.items": due})
    assert rule_on("OI-02", history).outcome == outcome


def test_without_a_declared_count_nothing_can_be_missed(rule_on: RuleOn) -> None:
    history = written(*told("finite", ASK, head(), *counting(1, 3), ENDED, EOF), declared=MARKED)
    assert rule_on("OI-02", history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("status", [302, 404, 429, 503])
def test_an_error_page_lost_nothing(rule_on: RuleOn, status: int) -> None:
    page = Opened(status, "No", "HTTP/1.1", (("Content-Type", "text/html"),))
    history = written(*told("finite", ASK, page, ENDED, EOF), declared=MARKED | {"finite.items": 3})
    assert rule_on("OI-02", history).outcome == "INCONCLUSIVE"


def test_the_missing_numbers_are_named(rule_on: RuleOn) -> None:
    def got(due: int, *numbers: int) -> str:
        rows = told("finite", ASK, head(), *counting(*numbers), ENDED, EOF)
        history = written(*rows, declared={"finite.items": due})
        return rule_on("OI-02", history).findings[0].got

    assert got(4, 1, 2, 4) == "3; missing 3"
    assert got(3, 0, 2) == "2; missing 1"
    assert got(9, 1, 9) == "2; missing 2, 3, 4, 5, 6 and 2 more"


def test_loss_is_seen_in_a_dialect_without_a_marker_too() -> None:
    """All rules together, as a run judges them: what does not apply to a target must not explain away what does."""
    history = written(*told("finite", ASK, head(), *counting(1, 3), ENDED, EOF), declared=PLAIN | {"finite.items": 3})
    verdicts = {v.rule: v for v in judge(history, all_rules(), ("OI-02",))}
    assert (verdicts["OI-02"].outcome, verdicts["OI-02"].reason) == ("FAIL", "")


# -- other bindings, other dialects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("binding", ["ndjson", "json_array"])
@pytest.mark.parametrize(
    ("rule", "bad"), [("OI-01", (2, 1, 3)), ("OI-02", (1, 3)), ("OI-03", (1, 2, 2, 3))], ids=["order", "loss", "repeat"]
)
def test_numbers_count_alike_in_every_binding(rule_on: RuleOn, rule: str, bad: tuple[int, ...], binding: str) -> None:
    for numbers, outcome in ((bad, "FAIL"), ((1, 2, 3), "PASS")):
        rows = told("finite", ASK, chunked(binding), *counting(*numbers), ENDED, EOF)
        assert rule_on(rule, written(*rows, declared={"finite.items": 3}, binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    "events",
    [
        (Deviation("ndjson.not-json", 0), ENDED, EOF),
        (*counting(1, 2), Deviation("ndjson.line-too-long", 40), ENDED, EOF),
        (*counting(1), Deviation("coding.invalid", 40), ENDED, EOF),
    ],
    ids=["a page", "a line of which nothing is known", "a coding that broke off"],
)
def test_what_was_not_read_is_not_lost(rule_on: RuleOn, events: tuple[Event, ...]) -> None:
    rows = told("finite", ASK, head(("Content-Type", "text/html")), *events)
    history = written(*rows, declared={"finite.items": 3}, binding="ndjson")
    assert rule_on("OI-02", history).outcome == "INCONCLUSIVE"


def failed_record(n: int) -> Item:
    return Item(n, 4, "0" * 16, '{"type":"error"}', 20 * n, "error", kept={"type": "error"})


@pytest.mark.parametrize(
    ("outcome", "due", "features"),
    [
        ("PASS", 3, "record-errors"),
        ("FAIL", 4, "record-errors,counted-end"),
        ("INCONCLUSIVE", 2, "record-errors"),
        ("INCONCLUSIVE", 3, "counted-end"),
    ],
)
def test_a_record_that_failed_is_counted_where_the_dialect_has_such(
    rule_on: RuleOn, outcome: str, due: int, features: str
) -> None:
    rows = told("finite", ASK, chunked("ndjson"), item(0, 1), failed_record(1), item(2, 3), ENDED, EOF)
    history = written(*rows, declared={"finite.items": due, "profile.features": features}, binding="ndjson")
    assert rule_on("OI-02", history).outcome == outcome


@pytest.mark.parametrize("rule", ["OI-01", "OI-03"])
@pytest.mark.parametrize(
    ("outcome", "asked"),
    [("FAIL", Ask()), ("INCONCLUSIVE", Ask(after="resumable-1")), ("INCONCLUSIVE", Ask(behind="x"))],
)
def test_what_is_resumed_may_begin_anywhere(rule_on: RuleOn, rule: str, outcome: str, asked: Ask) -> None:
    rows = told("resumable-2", ASK, head(), *counting(3, 2, 2), *CLOSE)
    assert rule_on(rule, written(*rows, asks={"resumable-2": asked})).outcome == outcome
