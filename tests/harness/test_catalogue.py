"""The catalogue is made from the constants: it names every rule, and its proofs in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.assembly import all_rules, all_scenarios
from streamspec.harness.catalogue import catalogue_json, catalogue_text, counts, promised_by, rule_text, traced
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


# -- counts ------------------------------------------------------------------------------------------------------------


def test_the_json_counts_rules_cases_and_pairs() -> None:
    said = json.loads(catalogue_json())["counts"]
    assert (said["rules"], said["scenarios"]) == (len(RULES), len(all_scenarios()))
    assert set(said["bindings"]) == {"sse", "ndjson", "json_array", "ws", "tcp", "grpc", "jsonrpc", "inprocess"}
    for entry in said["bindings"].values():
        assert 0 < entry["rules"] <= said["rules"]
        assert 0 < entry["cases"] <= entry["pairs"]
    assert said["cases"] == sum(entry["cases"] for entry in said["bindings"].values())
    assert said["pairs"] == sum(entry["pairs"] for entry in said["bindings"].values())


def test_a_rule_of_one_binding_is_counted_there_and_nowhere_else() -> None:
    rule = next(rule for rule in RULES if rule.id == "SSE-04")
    finite = next(s for s in all_scenarios() if s.id == "conformance/finite")
    said = counts((rule,), (finite,))
    assert said["bindings"]["sse"] == {"rules": 1, "cases": 1, "pairs": 1}
    assert (said["cases"], said["pairs"]) == (1, 1)


def test_a_rule_of_servers_and_objects_is_counted_for_each_by_its_own_scenarios() -> None:
    rule = next(rule for rule in RULES if rule.id == "LC-01")
    promising = [s for s in all_scenarios() if rule.id in s.promises and not s.spare]
    objects = [s for s in promising if "object" in s.needs]
    said = counts((rule,), promising)
    assert said["bindings"]["inprocess"]["cases"] == len(objects) > 0
    assert said["bindings"]["ndjson"]["cases"] == len(promising) - len(objects) > 0


# -- trace -------------------------------------------------------------------------------------------------------------


def test_every_rule_is_traced_to_a_source_and_a_scenario() -> None:
    text, gaps = traced(RULES, all_scenarios())
    assert gaps == ()
    for rule in RULES:
        assert f"{rule.id:<7} {rule.source}\n" in text
    assert text.count("          conformance/") == sum(len(promised_by(rule)) for rule in RULES)


def test_a_rule_without_a_source_or_a_scenario_is_named() -> None:
    rule, other = replace(RULES[0], source=" "), RULES[1]
    promising = [s for s in all_scenarios() if other.id in s.promises]
    kept = [replace(s, promises=(other.id,)) for s in promising]
    _, gaps = traced((rule, other), kept)
    assert gaps == (f"{rule.id} has no source", f"{rule.id} is promised by no scenario")
    _, gaps = traced((rule,), kept[:1])
    assert gaps[-1] == f"{kept[0].id} promises {other.id}, which is no rule"
