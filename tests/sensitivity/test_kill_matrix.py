"""The kill matrix: every rule catches the variant that breaks it, by its id and for the right reason, and nothing else
fails that was not foreseen. kills <= failed <= kills | also (design 2.7).

Each variant is judged in the cases that promise its rule, over its first binding. Those of rules that take their time,
and the other bindings, are `tox -e kills`; every variant in every case is `tox -e kills-all`.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from applying import TOKENS
from judged_http import GUIDE, settings_of
from kills import assert_killed
from served_reference import served_reference

from streamspec.harness.assembly import all_rules, concerns, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.run import Run, lines
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.variant import Variant

ALL_CASES: Final = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
SLOW_TOO: Final = ALL_CASES or bool(os.environ.get("STREAMSPEC_SLOW"))
# Rules whose variants keep somebody waiting for what they never do, beside those that need accounts; and such variants.
SLOW: Final = frozenset(
    {
        *("SSE-07", "RC-05", "BP-07", "BP-11", "HB-01", "HB-02", "DL-01", "DL-05", "DL-08", "DL-09", "AU-02"),
        *("LC-08", "LC-12", "LC-16", "SSE-08", "ND-10", "CJ-05"),
        "says-nothing-of-a-failure",
    }
)
VARIANTS: Final = tuple(variant for variant in variants() if variant.by == "run")
# What is in process, or on a connection of several streams, has a matrix of its own.
ELSEWHERE: Final = frozenset({"inprocess", "ws", "tcp", "grpc"})
SERVED: Final = tuple((variant, on) for variant in VARIANTS for on in variant.on if on not in ELSEWHERE)
RULES: Final = {rule.id: rule for rule in all_rules()}
BAD: Final = (Outcome.FAIL, Outcome.WARN)


def takes_its_time(variant: Variant) -> bool:
    needs = " ".join(RULES[variant.kills].needs)
    return "told:" in needs or "process" in needs or not SLOW.isdisjoint({variant.kills, variant.name})


def is_first(variant: Variant, on: str) -> bool:
    return on == next(binding for binding in variant.on if binding != "inprocess")


# The ordinary suite: over one binding each, where it does not take its time. The rest is `tox -e kills`.
JUDGED: Final = tuple(
    (variant, on) for variant, on in SERVED if SLOW_TOO or (is_first(variant, on) and not takes_its_time(variant))
)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, by path prefix."""
    with served_reference("--token", TOKENS[0], "--other-token", TOKENS[1]) as url:
        yield url


def judged(url: str, on: str, kills: str = "", unsaid: str = "") -> Run:
    settings = settings_of(url, on, kills, unsaid, spawned=SLOW_TOO and not kills)
    return asyncio.run(run_target(replace(settings, rules=()) if ALL_CASES else settings, lambda *_: None))


@pytest.mark.parametrize(("variant", "on"), JUDGED, ids=[f"{variant.name}@{on}" for variant, on in JUDGED])
def test_a_variant_is_killed_by_its_rule_for_its_reason(reference: str, variant: Variant, on: str) -> None:
    assert_killed(variant, lambda: judged(f"{reference}/broken/{variant.name}/", on, variant.kills))


# The others are judged whole, and all at once, where the command is tried without a target.
@pytest.mark.parametrize("on", ["sse", "ndjson", "json_array", GUIDE] if SLOW_TOO else [GUIDE])
def test_the_reference_itself_is_green(reference: str, on: str) -> None:
    run = judged(f"{reference}/", on)
    assert run.problem == ""
    seen = {line.rule.id: line.outcome for line in lines(run)}
    assert {rule for rule, outcome in seen.items() if outcome not in {Outcome.PASS, Outcome.SKIP}} == set()
    assert len([outcome for outcome in seen.values() if outcome is Outcome.PASS]) > 25


@pytest.mark.parametrize(("path", "outcome"), [("", Outcome.PASS), ("broken/starts-over/", Outcome.WARN)])
def test_an_id_that_nobody_knows_is_told_in_scripts_as_well(reference: str, path: str, outcome: Outcome) -> None:
    run = judged(f"{reference}/{path}", "sse", "RC-04", unsaid="resumable")
    assert [line.outcome for line in lines(run) if line.rule.id == "RC-04"] == [outcome]
    asked = [r.history.header.requests["resumable"].url for r in run.results if r.history and r.case != "probe@sse"]
    assert all("/script/sse?run=" in url for url in asked)
    assert asked


def test_every_rule_is_killed_by_some_variant() -> None:
    assert set(RULES) - {variant.kills for variant in VARIANTS} == set()


def test_every_rule_about_servers_is_killed_over_a_wire() -> None:
    served = {rule.id for rule in RULES.values() if concerns(rule, in_process=False)}
    assert served - {variant.kills for variant in VARIANTS if variant.on != ("inprocess",)} == set()


def test_every_variant_names_rules_that_exist() -> None:
    assert [v.name for v in VARIANTS if not {v.kills, *v.also} <= set(RULES)] == []
