"""Faults, scenarios that cut, and toxics fit together."""

from __future__ import annotations

from typing import Final

import pytest

from streamspec.harness.assembly import all_rules, all_scenarios
from streamspec.harness.core.case import Scenario
from streamspec.harness.core.fault import PROXY, Fault
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.script import OBJECT, Ask, Await, Heal, Poison, Read
from streamspec.harness.core.toxic import Toxic, problem_of
from streamspec.harness.discovery import constants
from streamspec.harness.faulting import toxic_of

FAULTS: Final = constants("streamspec.scenarios.faults", Fault)
SCENARIOS: Final = constants("streamspec.scenarios.faults", Scenario)
ON_SERVERS: Final = tuple(s for s in SCENARIOS if "object" not in s.needs)
TOXICS: Final = {toxic.name: toxic for toxic in constants("streamspec.harness.toxics", Toxic)}


def poisons(scenario: Scenario) -> list[Poison]:
    return [act for session in scenario.script.sessions for act in session.acts if isinstance(act, Poison)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.toxic)
def test_what_leaves_verdicts_unchanged_loses_nothing(fault: Fault) -> None:
    assert {poison.toxic for poison in fault.poisons} == {fault.toxic}
    assert not TOXICS[fault.toxic].cuts
    assert all(problem_of(TOXICS[poison.toxic], poison.values) == "" for poison in fault.poisons)
    assert [poison.beside for poison in fault.poisons] == [False, *[True] * (len(fault.poisons) - 1)]
    assert set(fault.plays) <= {scenario.id for scenario in all_scenarios()}


def test_ids_are_paths_and_no_two_the_same() -> None:
    ids = [scenario.id for scenario in (*SCENARIOS, *all_scenarios())]
    assert len(ids) == len(set(ids))
    assert all(scenario.id.startswith(f"faults/{toxic_of(scenario)}/") for scenario in SCENARIOS)
    assert len({fault.toxic for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_a_scenario_promises_rules_that_exist(scenario: Scenario) -> None:
    assert set(scenario.promises) <= {rule.id for rule in all_rules()}
    assert scenario.promises
    assert {session.role == OBJECT for session in scenario.script.sessions} == {"object" in scenario.needs}


@pytest.mark.parametrize("scenario", ON_SERVERS, ids=lambda scenario: scenario.id)
def test_a_scenario_that_cuts_needs_the_toxic_that_it_puts_on_the_way(scenario: Scenario) -> None:
    toxic = toxic_of(scenario)
    assert {PROXY, f"{PROXY}:{toxic}"} <= set(scenario.needs)
    assert toxic in scenario.by_hand
    used = {poison.toxic for poison in poisons(scenario)}
    assert toxic in used
    assert used <= {*TOXICS, "down"}


@pytest.mark.parametrize("scenario", ON_SERVERS, ids=lambda scenario: scenario.id)
def test_a_share_is_one_of_something_that_was_measured(scenario: Scenario) -> None:
    """Or of one octet, where the cut is to fall as soon as may be."""
    acts = [act for session in scenario.script.sessions for act in session.acts]
    shares = [n for n, act in enumerate(acts) if isinstance(act, Poison) and any(act.share)]
    measured = [n for n, act in enumerate(acts) if isinstance(act, Heal) and act.measure]
    if shares and scenario.id != "faults/cut_at/siblings":
        assert measured
        assert measured[0] < shares[0]


@pytest.mark.parametrize("scenario", ON_SERVERS, ids=lambda scenario: scenario.id)
def test_sessions_are_such_as_every_script_has(scenario: Scenario) -> None:
    sessions = {session.id: session for session in scenario.script.sessions}
    for session in scenario.script.sessions:
        assert session.id.startswith(session.role)
        assert sum(isinstance(act, Ask) for act in session.acts) == 1
        assert all(act.budget in BUDGETS_MS for act in session.acts if isinstance(act, Read))
        for act in session.acts:
            assert not isinstance(act, Await) or 0 < act.acts <= len(sessions[act.session].acts)
