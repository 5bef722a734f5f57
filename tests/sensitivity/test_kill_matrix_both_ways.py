"""The kill matrix where streams go both ways: each variant is a scripted target, over WebSocket and framed TCP.

As in `test_kill_matrix`: kills <= failed <= kills | also, in the cases that promise the rule. Those that keep somebody
waiting for what they never do, and the second binding of each, are `tox -e kills`.
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

ALL_CASES: Final = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
SLOW_TOO: Final = ALL_CASES or bool(os.environ.get("STREAMSPEC_SLOW"))
BOTH: Final = ("ws", "tcp", "grpc")
BAD: Final = (Outcome.FAIL, Outcome.WARN)
RULES: Final = {rule.id: rule for rule in all_rules()}
# Rules of both ways whose variants are over soon.
QUICK: Final = frozenset(
    {"DR-02", "DR-05", "DR-07", "CN-03", "CN-14", "CN-20", "MX-01", "MX-02", "MX-03", "MX-04", "MX-08"}
)
# What the reference does not offer there: a window of each stream, or turns and priorities, which are the carrier's; in
# its own dialect, ids of messages.
UNSPOKEN: Final = {"grpc": {"MX-05", "MX-06", "MX-07"}}
ELSEWHERE: Final = {"BP-12", "MX-01"}
FAMILIES: Final = ("DR", "MX", "CN", "BP")
SERVED: Final = tuple(
    (variant, on)
    for variant in variants()
    if variant.by == "run" and variant.kills.startswith(FAMILIES)
    for on in variant.on
    if on in BOTH
)
JUDGED: Final = tuple(
    (variant, on) for variant, on in SERVED if SLOW_TOO or (on == variant.on[0] and variant.kills in QUICK)
)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, by path prefix."""
    with served_reference() as url:
        yield url


def judged(url: str, on: str, *rules: str) -> Run:
    base = f"{url}script"
    settings = Settings(look=Request(base), script=base, binding=on, profile="", rules=rules)
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize(("variant", "on"), JUDGED, ids=[f"{variant.name}@{on}" for variant, on in JUDGED])
def test_a_variant_is_killed_by_its_rule_for_its_reason(reference: str, variant: Variant, on: str) -> None:
    rules = [] if ALL_CASES else [variant.kills]
    assert_killed(variant, lambda: judged(f"{reference}/broken/{variant.name}/", on, *rules))


@pytest.mark.parametrize("on", BOTH if SLOW_TOO else BOTH[:1])
def test_the_reference_keeps_every_rule_of_both_ways(reference: str, on: str) -> None:
    both = {variant.kills for variant, _ in SERVED if SLOW_TOO or variant.kills in QUICK}
    run = judged(f"{reference}/", on, *sorted(both))
    assert run.problem == ""
    told = {line.rule.id: line.outcome for line in lines(run) if line.outcome is not Outcome.SKIP}
    assert {rule: outcome for rule, outcome in told.items() if outcome is not Outcome.PASS} == {}
    due = {rule for rule in both if not RULES[rule].on or on in RULES[rule].on}
    assert set(told) == due - UNSPOKEN.get(on, ELSEWHERE)
