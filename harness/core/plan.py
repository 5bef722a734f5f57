"""The plan: scenarios x target -> cases, and what was left out and why. The only sayer of SKIP. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import ROLES, Case, Scenario, Target
from streamspec.harness.core.script import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.harness.core.rule import Rule


_UNPROMISED: Final = ("a scenario that promises it",)


@dataclass(frozen=True, slots=True)
class Skip:
    """A rule that no case of this plan can judge, and the needs that the target does not meet."""

    rule: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`rules` are those whose needs the target meets: they are judged on every case, promised or not."""

    cases: tuple[Case, ...]
    rules: tuple[Rule, ...]
    skips: tuple[Skip, ...]


def unmet(needs: Iterable[str], met: frozenset[str]) -> tuple[str, ...]:
    """The needs that are not met, without repeats. `wire|object` is met by either."""
    return tuple(dict.fromkeys(need for need in needs if not met.intersection(need.split("|"))))


def lacking(scenario: Scenario, rule: Rule, target: Target) -> tuple[str, ...]:
    """What the target lacks so that this scenario could promise this rule of it; empty when it lacks nothing."""
    scripted = (SCRIPT,) if SCRIPT in scenario.all_needs() else ()
    counted = any(target.seq(role) for role in (*scenario.script.roles(), *scripted))
    lacks = unmet((*scenario.all_needs(), *rule.needs), target.needs() | ({"seq"} if counted else set()))
    if rule.on and target.binding not in rule.on:
        lacks += (f"binding {' or '.join(rule.on)}",)
    return lacks


def plan(scenarios: Iterable[Scenario], rules: Sequence[Rule], target: Target, seed: int) -> Plan:
    """Match needs with what the target has; nothing else decides applicability."""
    met = target.needs()
    cases: list[Case] = []
    carried: set[str] = set()
    missing: dict[str, list[tuple[str, ...]]] = {rule.id: [] for rule in rules}
    for scenario in sorted(scenarios, key=lambda s: (s.spare, s.order, s.id)):
        if ("object" in scenario.needs) is not ("object" in met):
            continue  # of another kind of target: nothing that this one could add
        if scenario.spare and carried.issuperset(scenario.promises):
            continue
        promised: list[str] = []
        for rule in rules:
            if rule.id not in scenario.promises:
                continue
            if lacks := lacking(scenario, rule, target):
                missing[rule.id].append(lacks)
            else:
                promised.append(rule.id)
        if promised:
            case_id = f"{scenario.id}@{target.binding}"
            alone = scenario.exclusive or scenario.ends_target or scenario.counts or "concurrent" not in met
            cases.append(Case(case_id, scenario, target.binding, tuple(promised), _case_seed(seed, case_id), alone))
            carried.update(promised)
    cases.sort(key=lambda case: (case.scenario.order, case.scenario.id))
    skips = tuple(
        Skip(rule.id, min(missing[rule.id], key=len, default=unmet(rule.needs, met) or _UNPROMISED))
        for rule in rules
        if rule.id not in carried
    )
    numbered = met | ({"seq"} if any(target.seq(role) for role in (*ROLES, SCRIPT)) else set())
    judged = tuple(
        rule for rule in rules if not unmet(rule.needs, numbered) and (not rule.on or target.binding in rule.on)
    )
    return Plan(tuple(cases), judged, skips)


def _case_seed(seed: int, case_id: str) -> int:
    """Every case draws from its own stream, so that adding a case changes no other."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{case_id}".encode()).digest()[:8])
