"""What may be asked of a target, before anything is known of it, is a superset of every plan."""

from __future__ import annotations

import pytest

from streamspec.harness.core.case import Capabilities, Control
from streamspec.harness.core.foreseen import foreseen
from streamspec.harness.core.plan import lacking, plan
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.discovery import all_rules, all_scenarios

BARE = Capabilities(
    "sse", "", True, Profile("plain", "Plain."), Request("http://127.0.0.1:1/"), {}, Control(200, "", False, 0.0)  # noqa: FBT003 -- positions of hand-written data
)  # fmt: skip


@pytest.mark.parametrize("binding", ["sse", ""])
def test_every_case_that_is_planned_was_foreseen(binding: str) -> None:
    found = {case.scenario: case for case in foreseen(all_scenarios(), all_rules(), binding, in_process=False)}
    made = plan(all_scenarios(), all_rules(), BARE, 0)
    assert made.cases
    for case in made.cases:
        assert set(case.promises) <= set(found[case.scenario.id].rules)
        assert found[case.scenario.id].id == (case.id if binding else case.scenario.id)


def test_what_was_foreseen_and_not_planned_lacks_something_or_is_carried_by_another_case() -> None:
    made = plan(all_scenarios(), all_rules(), BARE, 0)
    planned = {case.scenario.id: case.promises for case in made.cases}
    carried = {rule for promises in planned.values() for rule in promises}
    scenarios, rules = {s.id: s for s in all_scenarios()}, {rule.id: rule for rule in all_rules()}
    for case in foreseen(all_scenarios(), all_rules(), "sse", in_process=False):
        for rule in set(case.rules) - set(planned.get(case.scenario, ())):
            assert lacking(scenarios[case.scenario], rules[rule], BARE) or rule in carried


def test_rules_of_another_binding_are_left_out_where_the_binding_is_known() -> None:
    known = {rule for case in foreseen(all_scenarios(), all_rules(), "ndjson", in_process=False) for rule in case.rules}
    open_ = {rule for case in foreseen(all_scenarios(), all_rules(), "", in_process=False) for rule in case.rules}
    assert "SSE-01" not in known
    assert "SSE-01" in open_


def test_objects_have_cases_of_their_own() -> None:
    objects = {case.scenario for case in foreseen(all_scenarios(), all_rules(), "object", in_process=True)}
    servers = {case.scenario for case in foreseen(all_scenarios(), all_rules(), "", in_process=False)}
    assert objects
    assert not objects & servers
