"""What the scenarios of scripted endings and failures must keep, beyond what the house asks of every one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.script import Account, Ask, Open, Read, Session, Watch
from streamspec.harness.core.steps import Complete, Fail, Gate, Generate, text_of
from streamspec.scenarios.conformance import script_endings, script_failures

if TYPE_CHECKING:
    from streamspec.harness.core.case import Scenario

URL_OCTETS = 5_000  # of a script that leaves room for anybody's base URL
SCENARIOS = (
    *(script_endings.AT_ONCE, script_endings.LATE, script_endings.ABANDONED, script_endings.STALLED),
    *(script_failures.CODES, script_failures.MESSAGES, script_failures.INJECTIONS, script_failures.REFUSED),
)


def of(scenario: Scenario) -> tuple[Session, ...]:
    return scenario.script.sessions


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_every_script_fits_into_a_request(scenario: Scenario) -> None:
    assert all(len(text_of(session.steps, session.options).encode()) < URL_OCTETS for session in of(scenario))


@pytest.mark.parametrize("scenario", [script_endings.AT_ONCE, script_endings.LATE])
def test_both_ways_of_ending_once_are_the_controls(scenario: Scenario) -> None:
    assert [session.steps[1:] for session in of(scenario)][:2] == [(Complete(),), (of(scenario)[1].steps[-1],)]
    assert isinstance(of(scenario)[1].steps[-1], Fail)


def test_what_comes_late_is_let_through_when_the_end_may_have_been_seen() -> None:
    for session in of(script_endings.LATE)[2:]:
        assert [type(act) for act in session.acts] == [Ask, Read, Open, Read, Account]
        (gate,) = [step for step in session.steps if isinstance(step, Gate)]
        assert [act.gate for act in session.acts if isinstance(act, Open)] == [gate.name]
        assert isinstance(session.steps[1], Complete | Fail)


def test_more_than_two_kernels_hold_is_sent_to_who_stands_still() -> None:
    kinds: list[type] = []
    for session in of(script_endings.STALLED):
        (backlog,) = [step for step in session.steps if isinstance(step, Generate)]
        assert backlog.n * backlog.bytes >= 8 * 1_048_576
        kinds += [type(session.steps[-1])] if any(isinstance(act, Watch) for act in session.acts) else []
    assert kinds == [Complete] * 3 + [Fail] * 3


def test_a_control_fails_with_a_plain_message() -> None:
    for scenario in (script_failures.MESSAGES, script_failures.INJECTIONS):
        step = of(scenario)[0].steps[-1]
        assert isinstance(step, Fail)
        assert step.message.isascii()
        assert step.message.isprintable()


def test_every_code_of_the_contract_is_tried() -> None:
    codes = {step.code for session in of(script_failures.CODES) for step in session.steps if isinstance(step, Fail)}
    assert len(codes) == 12
