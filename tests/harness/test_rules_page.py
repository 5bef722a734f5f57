"""The page of the rules: each with its proofs, in Markdown that shows the words as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from markdown_it import MarkdownIt

from streamspec.harness.assembly import all_rules, all_scenarios
from streamspec.harness.core.written import ASK, CLOSE, head, item, told, written
from streamspec.harness.engine.broken_list import variants
from streamspec.harness.rules_page import RECORDS_MAX, page, rivals, short

if TYPE_CHECKING:
    from streamspec.harness.core.rule import Rule

RULES: Final = all_rules()
KILLERS: Final = {"LC-01": (("ends-twice", "A stream says <so> twice."), ("ends-thrice", "And three times."))}
PAGE: Final = page(RULES, all_scenarios(), KILLERS)


def part(rule: Rule) -> str:
    return PAGE.partition(f"### {rule.id} {rule.level.value}\n")[2].partition("\n### ")[0]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_told_with_its_source_needs_scenarios_and_proofs(rule: Rule) -> None:
    told = part(rule)
    for need in rule.needs:
        assert f"`{need}`" in told
    for scenario in all_scenarios():
        assert (f"`{scenario.id}`" in told) is (rule.id in scenario.promises)
    shown = MarkdownIt("commonmark").render(told)
    for words in (rule.sentence, rule.source, rule.why):
        assert as_html(words) in shown
    assert told.count("```\n") >= 4
    assert "\n=> expected " in told


def as_html(words: str) -> str:
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        words = words.replace(char, entity)
    return words


def test_every_rule_stands_once_under_its_family() -> None:
    heads = [line.split()[1] for line in PAGE.splitlines() if line.startswith("### ")]
    assert heads == [rule.id for rule in RULES]
    assert [line[3:] for line in PAGE.splitlines() if line.startswith("## ")] == sorted({r.family for r in RULES})


def test_the_variants_that_a_rule_kills_are_named_or_that_there_is_none() -> None:
    rule = next(rule for rule in RULES if rule.id == "LC-01")
    assert r"- kills: `ends-twice` (A stream says \<so\> twice); `ends-thrice` (And three times)" in part(rule)
    assert "- kills: nothing\n" in part(RULES[0])


def test_which_suite_covers_a_rule_is_said_or_that_nobody_looked() -> None:
    suites, covered = rivals()
    assert "TCK" in suites
    assert set(covered.values()) > {"none", "partly by TCK"}
    assert all(word.startswith(("none", "wholly by ", "partly by ")) for word in covered.values())
    made = page([replace(RULES[0], id="BP-99")], (), {})
    assert "- other suites: not looked up\n" in made
    assert "- promised by: nobody\n" in made


def test_of_a_long_history_the_middle_is_left_out() -> None:
    items = [item(n) for n in range(50)]
    lines = short(written(*told("look", ASK, head(), *items, *CLOSE)))
    assert len(lines) == RECORDS_MAX + 1
    assert f"… {54 - RECORDS_MAX} more" in lines
    assert lines[0].startswith("look  ")
    assert "item 49" in lines[-3]


def test_the_served_list_is_read_line_by_line() -> None:
    text = "/broken/a-b/  LC-01  Does this.\n/broken/c/  LC-01  Does  that.\n/broken/d/  ER-01  Other.\nnonsense\n"
    assert variants(text) == {
        "LC-01": (("a-b", "Does this."), ("c", "Does  that.")),
        "ER-01": (("d", "Other."),),
    }
