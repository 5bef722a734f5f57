"""OI-09, OI-10, OI-11 and ND-09 at their edges: every reading that the guide's own pages use is legal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from streamspec.harness.core.event import Completed, Deviation, Elided, Event, Failed, Item, Meta
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, TYPES, chunked, item, told, written

RuleOn = Callable[[str, History], Verdict]
FEATURES = "counted-end,record-errors,announced-total"
Kept = int | str | bool


def data(n: int, kind: str = "data") -> Item:
    return replace(item(n, kind=kind), kept={"type": kind} if kind else {})


def error(n: int, **kept: Kept) -> Item:
    return replace(item(n, kind="error"), kept={"type": "error", **kept})


def end(**kept: Kept) -> tuple[Event, ...]:
    return Completed(99, kept), ENDED, EOF


def seen(
    *events: Event, role: str = "finite", items: int = 0, features: str = FEATURES, binding: str = "ndjson"
) -> History:
    declared: dict[str, Kept] = {"profile.terminal": True, "profile.error_channel": True, "profile.features": features}
    if items:
        declared["finite.items"] = items
    return written(*told(role, ASK, chunked(binding), *events), declared=declared, binding=binding)


MIXED = (data(0), data(1), error(2, code="X"), data(3))


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        ("PASS", {"processed": 3, "errors": 1}),
        ("PASS", {"processed": 4, "errors": 1}),
        ("PASS", {"totalProcessed": 3, "totalErrors": 1}),
        ("PASS", {"totalProcessed": 4, "errors": 1}),
        ("PASS", {"processed": 3}),
        ("PASS", {"errors": 1}),
        ("FAIL", {"processed": 2, "errors": 1}),
        ("FAIL", {"processed": 5}),
        ("FAIL", {"processed": 3, "errors": 0}),
        ("FAIL", {"totalErrors": 4}),
        ("INCONCLUSIVE", {}),
        ("INCONCLUSIVE", {"processed": "3"}),
        ("INCONCLUSIVE", {"errors": True}),
    ],
)
@pytest.mark.parametrize("binding", TYPES)
def test_an_end_counts_what_came_in_some_reading(
    rule_on: RuleOn, outcome: str, kept: dict[str, Kept], binding: str
) -> None:
    assert rule_on("OI-09", seen(*MIXED, *end(**kept), binding=binding)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "kinds", "processed"),
    [
        ("PASS", ("", "", ""), 3),
        ("PASS", ("order-created", "order-updated"), 2),
        ("PASS", ("data", "checkpoint", "data"), 2),
        ("PASS", ("data", "large-record"), 2),
        ("PASS", ("success", "success"), 2),
        ("FAIL", ("", "", ""), 0),
        ("FAIL", ("order-created",), 0),
    ],
)
def test_data_goes_by_many_names(rule_on: RuleOn, outcome: str, kinds: tuple[str, ...], processed: int) -> None:
    rows = (data(n, kind) for n, kind in enumerate(kinds))
    assert rule_on("OI-09", seen(*rows, *end(processed=processed))).outcome == outcome


@pytest.mark.parametrize("rule", ["OI-09", "OI-11"])
@pytest.mark.parametrize(
    "events",
    [
        (*MIXED, *CLOSE),
        (*MIXED, *CANCEL, *end(processed=9)),
        (*MIXED, Failed("error"), ENDED, EOF),
        (*MIXED, Elided("Item", 5), *end(processed=9)),
        (*MIXED, Deviation("ndjson.line-too-long", 5), *end(processed=9)),
        (Deviation("ndjson.not-json", 0), *end(processed=9)),
    ],
)
def test_what_was_not_read_whole_is_not_counted(rule_on: RuleOn, rule: str, events: tuple[Event, ...]) -> None:
    total = Meta("meta", 0, {"totalRecords": 9})
    assert rule_on(rule, seen(total, *events)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("rule", ["OI-09", "OI-10", "OI-11", "ND-09"])
def test_a_dialect_that_promises_nothing_is_held_to_nothing(rule_on: RuleOn, rule: str) -> None:
    bad = (Meta("meta", 0, {"totalRecords": 9}), error(0), *end(processed=9))
    assert rule_on(rule, seen(*bad, items=5, features="")).outcome == "INCONCLUSIVE"
    assert rule_on(rule, seen(*bad, items=5)).outcome in {"FAIL", "WARN"}


# -- a record that failed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "items", "events"),
    [
        ("PASS", 0, (*MIXED, *end())),
        ("PASS", 0, (error(0), data(1), EOF)),
        ("PASS", 0, (error(0), error(1), *CLOSE)),
        ("FAIL", 5, (error(0), *end())),
        ("FAIL", 5, (error(0, recoverable=True), *end())),
        ("FAIL", 0, (error(0), Failed("error"), ENDED, EOF)),
        ("FAIL", 0, (error(0), ENDED, EOF)),
        ("FAIL", 0, (error(0), EOF)),
        ("INCONCLUSIVE", 1, (error(0), *end())),
        ("INCONCLUSIVE", 0, (error(0), *end())),
        ("INCONCLUSIVE", 5, (error(0, fatal=True), Failed("error"), ENDED, EOF)),
        ("INCONCLUSIVE", 5, (error(0, recoverable=False), ENDED, EOF)),
        ("INCONCLUSIVE", 5, (error(0), *CLOSE)),
        ("INCONCLUSIVE", 5, (error(0), Deviation("ndjson.line-too-long", 5), *end())),
        ("INCONCLUSIVE", 0, (data(0), *end())),
    ],
)
def test_a_record_that_failed_does_not_end_the_stream(
    rule_on: RuleOn, outcome: str, items: int, events: tuple[Event, ...]
) -> None:
    assert rule_on("OI-10", seen(*events, items=items)).outcome == outcome


@pytest.mark.parametrize("role", ["look", "failing", "endless"])
def test_only_who_must_succeed_owes_the_rest(rule_on: RuleOn, role: str) -> None:
    assert rule_on("OI-10", seen(error(0), Failed("error"), ENDED, EOF, role=role)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        ("PASS", {"code": "PROCESSING_ERROR"}),
        ("PASS", {"code": 7}),
        ("PASS", {"error": "INVALID_STATUS_TRANSITION"}),
        ("FAIL", {}),
        ("FAIL", {"code": ""}),
        ("FAIL", {"message": "it failed", "recordId": "7"}),
        ("FAIL", {"error": True}),
    ],
)
def test_a_record_of_a_failure_has_a_code(rule_on: RuleOn, outcome: str, kept: dict[str, Kept]) -> None:
    assert rule_on("ND-09", seen(data(0), error(1, **kept), data(2), *end())).outcome == outcome


# -- a total told ahead ------------------------------------------------------------------------------------------------


def total(n: Kept, name: str = "totalRecords") -> Meta:
    return Meta("meta", 0, {"type": "metadata", name: n})


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (total(4), *MIXED, *end())),
        ("PASS", (Meta("start"), total(4), *MIXED, total(4), *end())),
        ("PASS", (total(0), *end())),
        ("WARN", (total(5), *MIXED, *end())),
        ("WARN", (total(3), *MIXED, *end())),
        ("WARN", (data(0), total(1), *end())),
        ("INCONCLUSIVE", (*MIXED, *end())),
        ("INCONCLUSIVE", (total(5, "estimate"), *MIXED, *end())),
        ("INCONCLUSIVE", (total("4"), *MIXED, *end())),
    ],
)
def test_a_total_is_told_first_and_is_right(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("OI-11", seen(*events)).outcome == outcome
