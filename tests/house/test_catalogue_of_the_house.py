"""Rules, scenarios and roles fit together: nothing promised that does not exist, nothing that nobody promises."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness import embedded_target
from streamspec.harness.assembly import all_drivers, all_rules, all_scenarios, concerns
from streamspec.harness.config import roles
from streamspec.harness.core.case import CLAIMS, ROLES, TELLABLE, Scenario
from streamspec.harness.core.contract import FEATURES as ADAPTER_FEATURES
from streamspec.harness.core.objects import BINDING, FEATURES
from streamspec.harness.core.plan import unmet
from streamspec.harness.core.ports import Request
from streamspec.harness.core.profile import FEATURES as DIALECT_FEATURES
from streamspec.harness.core.rule import Level
from streamspec.harness.core.script import LOOK, OBJECT, Ask, Await, Call, Pass, Settle
from streamspec.harness.profile_file import profile_names
from streamspec.reports._summary import hint

if TYPE_CHECKING:
    from streamspec.harness.core.rule import Rule

RULES: Final = all_rules()
IDS: Final = [rule.id for rule in RULES]
SCENARIOS: Final = all_scenarios()

# The closed list of design 5 and decision 4.
NEEDS: Final = {
    *(
        "wire",
        "get",
        "seq",
        "terminal",
        "error-channel",
        "auth",
        "auth:look",
        "auth:other",
        "heartbeat",
        "resume",
        "bulk",
        "concurrent",
        "process",
        "process:spawn",
        "process:pid",
        "process:grace",
        "script",
        "object",
    ),
    *("client", "proxy", "load"),
    *("http", "http1", "carrier:websocket", "carrier:framed", "carrier:http2"),
    *("mux", "window", "cancel-word", "half-close"),
    *("object:asyncio", "object:threads", "feature:json-items"),
    *(f"feature:{name}" for name in (*FEATURES, *DIALECT_FEATURES, *CLAIMS)),
    *(f"told:{name}" for name in TELLABLE),
    *ADAPTER_FEATURES,
    *(f"role:{name}" for name in ROLES),
    *(f"role:{name}.{attribute}" for name, kind in ROLES.items() for attribute in kind.attributes),
    *(
        f"role:{name}.{attribute}={word}"
        for name, kind in ROLES.items()
        for attribute, words in kind.attributes.items()
        if isinstance(words, tuple)
        for word in words
    ),
}
OP_FEATURES: Final = {
    **{name: name for name in ("complete", "error", "cancel", "pause", "iterate", "produce", "feed")},
    "resume": "pause",
    "listen": "listeners",
    "drop": "abandon",
    "schedule": "priority",
    "take": "priority",
}
OPTION_FEATURES: Final = {
    "capacity": "capacity",
    "send_timeout_ms": "send-timeout",
    "deadline_ms": "deadline",
    "idle_ms": "idle",
    "priority": "priority",
}


def test_every_id_is_a_family_and_a_number_and_unique() -> None:
    assert all(re.fullmatch(r"[A-Z]{2,3}-[0-9]{2}", name) for name in IDS)
    assert len(IDS) == len(set(IDS))
    assert sorted(IDS) == IDS


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_says_what_why_and_from_where(rule: Rule) -> None:
    assert len(rule.sentence) > 20
    assert rule.sentence.endswith(".")
    assert len(rule.source) > 4
    assert len(rule.why) > 20
    assert rule.why.endswith(".")
    assert rule.family in {"LC", "OI", "BP", "CN", "ER", "DR", "MX", "DL", "SSE", "ND", "CJ", "WS", "TC", "GR"} | {
        *("AU", "HB", "RC", "LM", "RL", "XB", "SC"),
    }


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_the_needs_of_a_rule_are_of_the_closed_list(rule: Rule) -> None:
    assert rule.needs
    assert len(rule.needs) == len(set(rule.needs))
    assert {need for need in either(rule.needs) if need not in NEEDS} == set()


def either(needs: tuple[str, ...]) -> set[str]:
    """Every need, the alternatives of `a|b` apart."""
    return set(chain.from_iterable(need.split("|") for need in needs))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_the_needs_of_a_scenario_are_of_the_closed_list(scenario: Scenario) -> None:
    assert {need for need in either(scenario.needs) if need not in NEEDS} == set()


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_need_has_a_hint_for_people(rule: Rule) -> None:
    for need in either(rule.needs):
        assert need == "wire" or hint(need) != need


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_rule_speaks_of_servers_or_of_objects(rule: Rule) -> None:
    assert concerns(rule, in_process=True) or concerns(rule, in_process=False)
    assert concerns(rule, in_process=True) is ("object" in either(rule.needs))


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_follows_from_rules_that_exist(rule: Rule) -> None:
    assert set(rule.after) <= set(IDS) - {rule.id}


def test_no_rules_follow_from_each_other() -> None:
    """Two that name each other would excuse each other: both broken, neither a FAIL."""
    after = {rule.id: rule.after for rule in RULES}
    for start, causes in after.items():
        reached, edge = set[str](), set(causes)
        while edge - reached:
            reached |= edge
            edge = set(chain.from_iterable(after[name] for name in edge))
        assert start not in reached


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_a_rule_speaks_of_bindings_that_exist(rule: Rule) -> None:
    assert set(rule.on) <= {BINDING, *(driver.name for driver in all_drivers())}


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_rule_is_promised_by_some_scenario(rule: Rule) -> None:
    assert [scenario.id for scenario in SCENARIOS if rule.id in scenario.promises]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_role_that_a_rule_needs_is_opened_by_a_scenario_that_promises_it(rule: Rule) -> None:
    opened = set(chain.from_iterable(s.script.roles() for s in SCENARIOS if rule.id in s.promises))
    needed = {need.removeprefix("role:").partition(".")[0] for need in either(rule.needs) if need.startswith("role:")}
    assert needed <= opened


def test_scenarios_have_ids_of_their_own() -> None:
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)
    names = {"".join(c if c.isalnum() or c in "-@." else "_" for c in s.id) for s in SCENARIOS}
    assert len(names) == len(SCENARIOS)  # on disk too


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_scenario_promises_rules_that_exist(scenario: Scenario) -> None:
    assert scenario.promises
    assert len(scenario.promises) == len(set(scenario.promises))
    assert set(scenario.promises) <= set(IDS)
    assert re.fullmatch(r"[a-z]+/[a-z0-9-]+", scenario.id)
    assert scenario.sentence


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_script_opens_known_roles_and_waits_for_sessions_of_its_own(scenario: Scenario) -> None:
    sessions = {session.id: session for session in scenario.script.sessions}
    assert len(sessions) == len(scenario.script.sessions)
    assert set(scenario.script.roles()) <= set(ROLES)
    for session in scenario.script.sessions:
        if session.role == OBJECT:
            continue
        assert session.id.startswith(session.role)
        assert not session.beside or session.beside in sessions
        assert sum(isinstance(act, Ask) for act in session.acts) == 1
        for act in session.acts:
            if isinstance(act, Await):
                assert act.session in sessions
                assert 0 < act.acts <= len(sessions[act.session].acts)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_scenario_with_sessions_at_once_needs_a_target_that_serves_them(scenario: Scenario) -> None:
    at_once = any(session.beside for session in scenario.script.sessions)
    assert ("concurrent" in scenario.needs) is at_once


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_script_plays_with_a_server_or_with_objects(scenario: Scenario) -> None:
    with_objects = {session.role == OBJECT for session in scenario.script.sessions}
    assert len(with_objects) == 1
    assert ("object" in scenario.needs) is with_objects.pop()


OBJECT_SCENARIOS: Final = tuple(s for s in SCENARIOS if "object" in s.needs)


@pytest.mark.parametrize("scenario", OBJECT_SCENARIOS, ids=lambda s: s.id)
def test_an_objects_script_waits_for_callers_of_its_own(scenario: Scenario) -> None:
    for session in scenario.script.sessions:
        callers = {act.by for act in session.acts if isinstance(act, Call)}
        waited = chain.from_iterable(act.until for act in session.acts if isinstance(act, Settle))
        assert set(waited) <= callers
        assert all(isinstance(act, Call | Settle | Pass) for act in session.acts)


@pytest.mark.parametrize("scenario", OBJECT_SCENARIOS, ids=lambda s: s.id)
def test_an_objects_script_needs_what_it_uses(scenario: Scenario) -> None:
    needed = set[str]()
    for session in scenario.script.sessions:
        options = dict(session.options)
        needed |= {OPTION_FEATURES[name] for name in options}
        needed |= {"rendezvous"} if options.get("capacity") == 0 else set()
        ops = {act.op for act in session.acts if isinstance(act, Call)}
        needed |= {OP_FEATURES[op] for op in ops if op in OP_FEATURES}
    assert {f"feature:{name}" for name in needed} <= set(scenario.needs)


def test_every_role_is_asked_by_some_scenario() -> None:
    assert set(ROLES) == set(chain.from_iterable(scenario.script.roles() for scenario in SCENARIOS))


def test_a_bare_url_plans_four_cases() -> None:
    looks = [s for s in SCENARIOS if {session.role for session in s.script.sessions} == {LOOK}]
    assert len([s.id for s in looks if set(s.needs) <= {"concurrent", "http"}]) == 4


# Standing condition 6: who declares nothing can fail these, and no other.
UNDECLARED: Final = {
    *("LC-16", "SSE-01", "SSE-03", "SSE-04", "SSE-13", "ND-01", "ND-02", "ND-03", "CJ-02"),
    *("WS-08", "WS-09", "WS-12", "WS-13", "WS-14"),
    *("GR-01", "GR-02", "GR-12"),
}


def test_only_the_named_rules_can_fail_a_bare_url() -> None:
    bare = frozenset({"wire", "get", "concurrent", "http", "http1"})
    assert {rule.id for rule in RULES if rule.level is Level.MUST and not unmet(rule.needs, bare)} == UNDECLARED


def test_the_embedded_reference_declares_every_role() -> None:
    made = roles(embedded_target.roles("sse"), Request("http://127.0.0.1:1/"))
    assert set(made) == set(ROLES)
    assert embedded_target.PROFILE in profile_names()
