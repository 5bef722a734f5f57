"""The catalogue is made from the constants: it names every rule, and its proofs in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.assembly import all_rules, all_scenarios
from streamspec.harness.catalogue import catalogue_json, catalogue_text, promised_by, rule_text
from streamspec.harness.core.errors import UsageError

if TYPE_CHECKING:
    from streamspec.harness.core.rule import Rule

RULES = all_rules()


def test_the_list_names_every_rule_once_in_order() -> None:
    text = catalogue_text()
    ids = [line.split()[0] for line in text.splitlines() if line[:1].isalpha()]
    assert ids == [rule.id for rule in RULES]
    assert text.endswith(f"{len(RULES)} rules, {len(all_scenarios())} scenarios\n")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_list_says_what_a_rule_demands_and_needs(rule: Rule) -> None:
    text = catalogue_text()
    assert f"{rule.id:<7} {rule.level.value:<6} {rule.sentence}\n" in text
    assert f"needs {', '.join(rule.needs)}\n" in text


def test_the_json_is_the_same_list_for_machines() -> None:
    data = json.loads(catalogue_json())
    assert [rule["id"] for rule in data["rules"]] == [rule.id for rule in RULES]
    assert data["scenarios"] == [scenario.id for scenario in all_scenarios()]
    for entry, rule in zip(data["rules"], RULES, strict=True):
        assert entry["level"] == rule.level.value
        assert (entry["sentence"], entry["source"]) == (rule.sentence, rule.source)
        assert entry["scenarios"] == list(promised_by(rule))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_one_rule_is_told_in_full_with_its_proofs(rule: Rule) -> None:
    text = rule_text(rule.id.lower())
    for words in (rule.sentence, rule.source, rule.why, *rule.needs, *rule.after, *promised_by(rule)):
        assert words in text
    assert text.count("  a good history:\n") == len(rule.good)
    assert text.count("  a bad history:\n") == len(rule.bad)
    assert text.count("      expected ") == len(rule.bad)
    assert text.endswith("\n")


def test_a_family_is_told_rule_by_rule() -> None:
    assert rule_text("LC") == "".join(rule_text(rule.id) for rule in RULES if rule.family == "LC")


@pytest.mark.parametrize("name", ["LC-99", "lifecycle", ""])
def test_an_unknown_rule_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="no such rule or family"):
        rule_text(name)
