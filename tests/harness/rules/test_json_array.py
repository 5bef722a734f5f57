"""CJ-01 and CJ-04 at their edges: who owes an array, and how a failure may show in one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Completed, Deviation, Ended, Event, Failed, Item
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
DONE = (Completed(9), ENDED, EOF)
NONE = Deviation("array.none", 0, "an object")
FAULTS = ("none", "element", "separator", "utf8", "bom", "open", "excess")


def answered(*events: Event, role: str = "finite", kind: str = "application/json", status: int = 200) -> History:
    rows = told(role, ASK, head(("Content-Type", kind), status=status), *events)
    return written(*rows, binding="json_array", declared={"profile.terminal": True})


@pytest.mark.parametrize("role", ["finite", "empty", "text"])
@pytest.mark.parametrize("code", FAULTS)
def test_who_must_succeed_owes_one_valid_array(rule_on: RuleOn, code: str, role: str) -> None:
    verdict = rule_on("CJ-01", answered(item(0), Deviation(f"array.{code}", 7, "x"), *DONE, role=role))
    assert verdict.outcome == "FAIL"
    assert "octet 7 of the body" in verdict.findings[0].got


@pytest.mark.parametrize("role", ["look", "endless", "failing", "prompt", "large"])
def test_nobody_else_owes_an_array(rule_on: RuleOn, role: str) -> None:
    """A bare URL may answer with any JSON document, and an endless array is never closed."""
    assert rule_on("CJ-01", answered(NONE, ENDED, EOF, role=role)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (*DONE,)),
        ("PASS", (item(0), *DONE)),
        ("PASS", (item(0), Completed(9), Ended("close", 9), EOF)),
        ("FAIL", (NONE, Ended("length", 20), *CLOSE)),
        ("FAIL", (Deviation("array.open", 0), Ended("length", 0), *CLOSE)),
        ("INCONCLUSIVE", (item(0), Deviation("array.open", 7), EOF)),
        ("INCONCLUSIVE", (item(0), RESET)),
        ("INCONCLUSIVE", (item(0), *CANCEL)),
        ("INCONCLUSIVE", (item(0), Failed("X"), ENDED, EOF)),
        ("INCONCLUSIVE", (item(0), Deviation("array.element-too-long", 7), *DONE)),
        ("INCONCLUSIVE", (item(0), Deviation("coding.cut", 7), Deviation("array.open", 7), ENDED, EOF)),
    ],
)
def test_a_whole_answer_is_one_array(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("CJ-01", answered(*events)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "kind", "status"),
    [
        ("FAIL", "application/json", 200),
        ("FAIL", "application/vnd.api+json; v=1", 200),
        ("INCONCLUSIVE", "text/html", 200),
        ("INCONCLUSIVE", "application/json", 404),
        ("INCONCLUSIVE", "application/json", 204),
    ],
)
def test_what_does_not_call_itself_json_owes_none(rule_on: RuleOn, outcome: str, kind: str, status: int) -> None:
    assert rule_on("CJ-01", answered(NONE, ENDED, EOF, kind=kind, status=status)).outcome == outcome


# -- failures ----------------------------------------------------------------------------------------------------------


def failed(*events: Event, status: int = 200) -> History:
    return answered(item(0), *events, role="failing", status=status)


def element(payload: str, kind: str = "") -> Item:
    return Item(1, len(payload), "e", payload, 10, kind)


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (Deviation("array.open", 7), EOF)),
        ("PASS", (Deviation("array.open", 7), ENDED, EOF)),
        ("PASS", (Deviation("array.open", 7), Ended("close", 7), EOF)),
        ("PASS", (RESET,)),
        ("PASS", (Failed("X"), ENDED, EOF)),
        ("PASS", (element('{"error": {"code": 5}}'), Completed(33), ENDED, EOF)),
        ("PASS", (element('{"type": "error"}', kind="error"), Completed(28), ENDED, EOF)),
        ("INCONCLUSIVE", (element('{"ok":1,"error":"x"}'), Completed(31), ENDED, EOF)),
        ("INCONCLUSIVE", (element('{"status": "failed"}'), Completed(31), ENDED, EOF)),
        ("INCONCLUSIVE", CLOSE),
        ("FAIL", (Completed(8), ENDED, EOF)),
        ("FAIL", (Completed(8), RESET)),
        ("FAIL", (Completed(15), Ended("close", 16), EOF)),
        ("FAIL", (element('{"error": null}'), Completed(26), ENDED, EOF)),
        ("FAIL", (element('{"errors": []}'), Completed(25), ENDED, EOF)),
    ],
)
def test_a_failure_in_the_middle_is_seen(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("CJ-04", failed(*events)).outcome == outcome


def test_an_error_member_that_every_element_has_names_no_failure(rule_on: RuleOn) -> None:
    rows = (element('{"error":"none yet"}'), element('{"error":"none yet"}'), Completed(31), ENDED, EOF)
    assert rule_on("CJ-04", answered(*rows, role="failing")).outcome == "FAIL"


def test_what_stands_behind_the_array_may_name_the_failure(rule_on: RuleOn) -> None:
    """`{"data": […], "error": "…"}`: the array is closed, and the object around it is not silent."""
    assert rule_on("CJ-04", failed(Completed(30), ENDED, EOF)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("events", "status"), [((NONE, ENDED, EOF), 200), ((ENDED, EOF), 500), ((Deviation("array.open", 0), EOF), 200)]
)
def test_a_failure_before_the_array_is_not_in_its_middle(
    rule_on: RuleOn, events: tuple[Event, ...], status: int
) -> None:
    assert rule_on("CJ-04", answered(*events, role="failing", status=status)).outcome == "INCONCLUSIVE"
