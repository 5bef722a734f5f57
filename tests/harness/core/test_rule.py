"""Rules and findings: evidence is a sorted set of record indices, however it is handed in."""

from __future__ import annotations

from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, ENDED, EOF, head, item, told, written

HISTORY = written(*told("look", ASK, head(), item(0), ENDED, EOF))
FIRST, SECOND, THIRD, *_ = HISTORY.records


def test_evidence_is_flat_sorted_and_said_once() -> None:
    assert held(THIRD, [FIRST, (SECOND, None)], FIRST, None).evidence == (0, 1, 2)


def test_a_broken_finding_says_what_was_due_and_what_came() -> None:
    assert broken(SECOND, expected="silence", got="noise") == Finding("broken", (1,), "silence", "noise")


def test_an_unknown_finding_says_why_and_may_point_to_nothing() -> None:
    assert unknown("too dark") == Finding("unknown", (), reason="too dark")
    assert unknown("too dark", FIRST).evidence == (0,)


def test_a_rule_belongs_to_the_family_of_its_id() -> None:
    rule = Rule("LC-16", Level.MUST, "", "", "", lambda _: (), (), ())
    assert rule.family == "LC"
    assert rule.needs == ("wire",)
