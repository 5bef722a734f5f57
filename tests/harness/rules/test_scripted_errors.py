"""ER and CN-15 on scripted servers at their edges: what an honest server may do with a failure, and what it may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Completed, Event, Failed, Item, Refused
from streamspec.harness.core.history import History
from streamspec.harness.core.inert import printable
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.steps import Fail, Refuse
from streamspec.harness.core.written import ASK, ENDED, EOF, head
from streamspec.harness.rules._scripted_ends import GENERATE, MARKED, THREE, WELL, Part, scripted
from streamspec.harness.rules.scripted_errors import INJECTED
from streamspec.scenarios.conformance import script_failures

RuleOn = Callable[[str, History], Verdict]


def failing(step: Fail, *ends: Event) -> Part:
    return (GENERATE, step), (*THREE, *ends, ENDED, EOF)


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [
        ("NOT_FOUND", "PASS"),
        ("not_found", "PASS"),
        ("NotFound", "PASS"),
        ("NOT_FOUND_ITEM", "WARN"),
        ("5", "WARN"),
        ("", "INCONCLUSIVE"),
    ],
)
def test_codes_are_compared_by_name(rule_on: RuleOn, shown: str, outcome: str) -> None:
    h = scripted(failing(Fail("NOT_FOUND"), Failed(shown)))
    assert rule_on("ER-02", h).outcome == outcome


def test_a_failure_that_nobody_gave_a_code_may_have_any(rule_on: RuleOn) -> None:
    h = scripted(failing(Fail(), Failed("INTERNAL")))
    assert rule_on("ER-02", h).reason == "nothing to look at"


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ((ASK, head(status=404), ENDED, EOF), "PASS"),
        ((ASK, head(status=503), ENDED, EOF), "PASS"),
        ((ASK, head(status=204), ENDED, EOF), "WARN"),
        ((ASK, head(status=302), ENDED, EOF), "INCONCLUSIVE"),
        ((ASK, head(status=501), ENDED, EOF), "INCONCLUSIVE"),
        ((ASK, Refused("closed")), "INCONCLUSIVE"),
    ],
)
def test_a_refusal_is_a_status(rule_on: RuleOn, events: tuple[Event, ...], outcome: str) -> None:
    assert rule_on("ER-03", scripted(((Refuse("NOT_FOUND"),), events))).outcome == outcome


@pytest.mark.parametrize("message", ["a\ttab", "one\r\ntwo", "\u6f22", "\U0001d11e"])
def test_a_message_is_compared_only_where_messages_are_shown(rule_on: RuleOn, message: str) -> None:
    other = failing(Fail("INTERNAL", message), Failed("INTERNAL", "it failed"))
    plain = failing(Fail("INTERNAL", "plain"), Failed("INTERNAL", "plain"))
    hidden = failing(Fail("INTERNAL", "plain"), Failed("INTERNAL", "it failed"))
    same = failing(Fail("INTERNAL", message), Failed("INTERNAL", printable(message)))
    assert rule_on("ER-05", scripted(plain, other)).outcome == "FAIL"
    assert rule_on("ER-05", scripted(hidden, other)).outcome == "INCONCLUSIVE"
    assert rule_on("ER-05", scripted(plain, same)).outcome == "PASS"


def test_an_array_closes_after_a_record_that_was_spoilt_too(rule_on: RuleOn) -> None:
    plain = failing(Fail("INTERNAL", "plain"), Failed("INTERNAL", "plain"))
    spoilt = failing(Fail("INTERNAL", f"x{INJECTED}"), Completed(9))
    h = scripted(plain, spoilt, binding="json_array")
    assert rule_on("ER-06", h).outcome == "INCONCLUSIVE"


def test_a_message_that_is_shown_as_an_item_is_no_item_of_its_own(rule_on: RuleOn) -> None:
    shown = Item(3, 40, "ff", f'{{"error":"{INJECTED}"}}', 90)
    injects = (GENERATE, Fail("INTERNAL", f"x\n{INJECTED}\n"))
    assert rule_on("ER-06", scripted((injects, (*THREE, shown, EOF)), declared={})).outcome != "FAIL"


def test_every_injection_tries_to_send_the_item_that_the_rule_looks_for() -> None:
    told = [step for s in script_failures.INJECTIONS.script.sessions for step in s.steps if isinstance(step, Fail)]
    assert [INJECTED in step.message for step in told] == [False] + [True] * (len(told) - 1)


@pytest.mark.parametrize("code", ["CANCELLED", "UNAVAILABLE"])
def test_an_abort_is_compared_with_another_failure(rule_on: RuleOn, code: str) -> None:
    abort = failing(Fail(code), Completed())
    visible = failing(Fail("NOT_FOUND"), Failed("NOT_FOUND"))
    assert rule_on("CN-15", scripted(visible, abort)).outcome == "FAIL"
    assert rule_on("CN-15", scripted(abort)).outcome == "INCONCLUSIVE"


def test_a_whole_message_without_any_word_is_no_completion(rule_on: RuleOn) -> None:
    h = scripted(((GENERATE, Fail("CANCELLED")), (*WELL[:-3], ENDED, EOF)), declared=MARKED)
    assert rule_on("CN-15", h).outcome == "INCONCLUSIVE"
