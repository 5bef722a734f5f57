"""The kill matrix over WebSocket and length-framed TCP, where streams are scripted and share connections: every rule
catches the variant that breaks it, by its id and for the right reason (design 2.7).

The reference itself must be green by the same rules. What takes its time, and the second binding of a variant, is
`tox -e kills`; with `tox -e kills-all` no other rule of these families fails that was not foreseen.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

import pytest
from kills import assert_killed
from served_reference import served_reference

from streamspec.harness.assembly import Settings, all_rules, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, lines
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.variant import Variant

ON: Final = ("ws", "tcp")
FAMILIES: Final = ("WS", "TC")
ALL_CASES: Final = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
SLOW_TOO: Final = ALL_CASES or bool(os.environ.get("STREAMSPEC_SLOW"))
# Variants that keep somebody waiting for what they never do, and rules that take their time.
SLOW: Final = frozenset(
    {"takes-no-word-for-it", "does-not-see-them-go", "waits-for-a-slow-frame", "counts-in-two-octets", "deflates-badly"}
)
SLOW_RULES: Final = frozenset({"TC-06"})
# Rules about what the good one does not declare, and under which path it does.
ELSEWHERE: Final = {"TC-08": "fin-half-closes", "AU-04": "protected"}
TOKEN: Final = "the-token-of-this-matrix"
RULES: Final = tuple(rule for rule in all_rules() if rule.family in FAMILIES or rule.id in ELSEWHERE)
NAMES: Final = {rule.id for rule in RULES}
BAD: Final = (Outcome.FAIL, Outcome.WARN)
VARIANTS: Final = tuple(v for v in variants() if v.by == "run" and v.kills in NAMES)
JUDGED: Final = tuple(
    (variant, on)
    for variant in VARIANTS
    for on in variant.on
    if on in ON and (SLOW_TOO or (on == variant.on[0] and variant.name not in SLOW))
)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, by path prefix."""
    with served_reference("--token", TOKEN) as url:
        yield url


def judged(base: str, on: str, *rules: str) -> Run:
    headers = (("Authorization", f"Bearer {TOKEN}"),) if "AU-04" in rules else ()
    settings = Settings(look=Request(base, headers=headers), script=base, binding=on, profile="", rules=rules)
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize(("variant", "on"), JUDGED, ids=[f"{variant.name}@{on}" for variant, on in JUDGED])
def test_a_variant_is_killed_by_its_rule_for_its_reason(reference: str, variant: Variant, on: str) -> None:
    rules = [rule.id for rule in RULES if on in rule.on] if ALL_CASES else [variant.kills]
    assert_killed(variant, lambda: judged(f"{reference}/broken/{variant.name}/script", on, *rules))


@pytest.mark.parametrize("on", ON)
def test_the_reference_itself_is_green(reference: str, on: str) -> None:
    left_out = {*ELSEWHERE, *(() if SLOW_TOO else SLOW_RULES)}
    rules = [rule.id for rule in RULES if on in rule.on and rule.id not in left_out]
    run = judged(f"{reference}/script", on, *rules)
    assert run.problem == ""
    assert {line.rule.id: line.outcome for line in lines(run)} == dict.fromkeys(rules, Outcome.PASS)


@pytest.mark.parametrize("rule", ELSEWHERE)
def test_so_is_a_part_of_it_that_declares_more(reference: str, rule: str) -> None:
    (on,) = next(found.on for found in RULES if found.id == rule)
    run = judged(f"{reference}/{ELSEWHERE[rule]}/script", on, rule)
    assert {line.rule.id: line.outcome for line in lines(run)} == {rule: Outcome.PASS}


def test_every_rule_of_these_families_is_killed_by_some_variant() -> None:
    assert NAMES - {variant.kills for variant in VARIANTS} == set()
