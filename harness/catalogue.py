"""The rules as text and JSON, for `list` and `explain`. Made from the constants, so that it cannot lie about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from streamspec.harness import config
from streamspec.harness.core.explain import record_line
from streamspec.harness.core.judge import judge
from streamspec.harness.discovery import all_rules, all_scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    return json.dumps({"rules": rules, "scenarios": [s.id for s in all_scenarios()]}, indent=1) + "\n"


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
