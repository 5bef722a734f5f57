"""The rules as text and JSON, for `list`, `trace` and `explain`. Made from the constants, so that it cannot lie about
them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from streamspec.harness import config
from streamspec.harness.assembly import concerns
from streamspec.harness.core.explain import record_line
from streamspec.harness.core.judge import judge
from streamspec.harness.core.objects import BINDING
from streamspec.harness.core.plan import plan
from streamspec.harness.discovery import all_drivers, all_rules, all_scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Rule


def promised_by(rule: Rule) -> tuple[str, ...]:
    """The scenarios in which this rule may not stay silent."""
    return tuple(scenario.id for scenario in all_scenarios() if rule.id in scenario.promises)


def catalogue_text() -> str:
    rules = all_rules()
    rows = [
        f"{rule.id:<7} {rule.level.value:<6} {rule.sentence}\n{'':15}needs {', '.join(rule.needs)}" for rule in rules
    ]
    return "\n".join([*rows, f"{len(rules)} rules, {len(all_scenarios())} scenarios"]) + "\n"


def catalogue_json() -> str:
    rules = [
        {
            "id": rule.id,
            "level": rule.level.value,
            "sentence": rule.sentence,
            "source": rule.source,
            "needs": list(rule.needs),
            "after": list(rule.after),
            "on": list(rule.on),
            "scenarios": list(promised_by(rule)),
        }
        for rule in all_rules()
    ]
    found = {
        "rules": rules,
        "scenarios": [s.id for s in all_scenarios()],
        "counts": counts(all_rules(), all_scenarios()),
    }
    return json.dumps(found, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class _Willing:
    """A target over this binding that meets every need there is."""

    binding: str
    met: frozenset[str]

    def needs(self) -> frozenset[str]:
        return self.met

    def seq(self, role: str) -> str:
        return f"$.{role}"


def counts(rules: Sequence[Rule], scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """How many rules, cases (a scenario on a binding) and pairs (a rule in a case that promises it) the plan has of a
    target that meets every need: over each binding, and in all."""
    named = (*(rule.needs for rule in rules), *(scenario.all_needs() for scenario in scenarios))
    needs = {either for need in chain.from_iterable(named) for either in need.split("|")}
    bindings: dict[str, dict[str, int]] = {}
    for binding in (*(driver.name for driver in all_drivers()), BINDING):
        in_process = binding == BINDING
        met = needs | {"object"} if in_process else needs - {"object"}
        chosen = [rule for rule in rules if concerns(rule, in_process=in_process)]
        cases = plan(scenarios, chosen, _Willing(binding, frozenset(met)), seed=0).cases
        bindings[binding] = {
            "rules": len(set(chain.from_iterable(case.promises for case in cases))),
            "cases": len(cases),
            "pairs": sum(len(case.promises) for case in cases),
        }
    totals = {key: sum(entry[key] for entry in bindings.values()) for key in ("cases", "pairs")}
    return {"rules": len(rules), "scenarios": len(scenarios), **totals, "bindings": bindings}


def traced(rules: Sequence[Rule], scenarios: Sequence[Scenario]) -> tuple[str, tuple[str, ...]]:
    """Every rule with its source and the scenarios that promise it; and in words what some rule lacks of these."""
    lines: list[str] = []
    gaps: list[str] = []
    for rule in rules:
        promising = [scenario.id for scenario in scenarios if rule.id in scenario.promises]
        lines += [f"{rule.id:<7} {rule.source or '-'}", *(f"{'':7}   {name}" for name in promising or ["-"])]
        gaps += [] if rule.source.strip() else [f"{rule.id} has no source"]
        gaps += [] if promising else [f"{rule.id} is promised by no scenario"]
    known = {rule.id for rule in rules}
    gaps += [f"{s.id} promises {name}, which is no rule" for s in scenarios for name in s.promises if name not in known]
    return "\n".join(lines) + "\n", tuple(gaps)


def rule_text(name: str) -> str:
    """One rule in full. Raises `UsageError` for an unknown id."""
    return "\n".join(line for rule in config.selected(all_rules(), (name,)) for line in _rule(rule)) + "\n"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"{rule.id}  {rule.level.value}"
    yield f"  {rule.sentence}"
    yield f"  source    {rule.source}"
    yield f"  why       {rule.why}"
    yield f"  needs     {', '.join(rule.needs)}"
    if rule.after:
        yield f"  after     {', '.join(rule.after)} (a failure there explains one here)"
    yield f"  promised  {', '.join(promised_by(rule)) or 'by no scenario'}"
    for word, histories in (("good", rule.good), ("bad", rule.bad)):
        for history in histories:
            yield f"  a {word} history:"
            yield from _history(rule, history)


def _history(rule: Rule, history: History) -> Iterator[str]:
    for record in history.records:
        yield f"    {record_line(record)}"
    for finding in (finding for verdict in judge(history, (rule,), (rule.id,)) for finding in verdict.findings[:1]):
        if finding.stance == "broken":
            yield f"      expected {finding.expected}, got {finding.got}"
