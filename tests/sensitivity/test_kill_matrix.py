"""The kill matrix: every rule catches the variant that breaks it, by its id and for the right reason, and nothing
else fails that was not foreseen. kills <= failed <= kills | also (design 2.7).
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.assembly import (
    EMBEDDED_BINDING,
    EMBEDDED_PROFILE,
    EMBEDDED_ROLES,
    Settings,
    all_rules,
    concerns,
    run_target,
)
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, counts, lines
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.variant import Variant

VARIANTS = variants()
SERVED = tuple(variant for variant in VARIANTS if "sse" in variant.on)
BAD = (Outcome.FAIL, Outcome.WARN)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, by path prefix."""
    command = [sys.executable, "-m", "streamspec.reference_impl", "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        word, _, url = child.stdout.readline().strip().partition(" ")
        assert word == "listening"
        yield url
        child.communicate(timeout=10)


def judged(url: str) -> Run:
    settings = Settings(look=Request(url), roles=EMBEDDED_ROLES, binding=EMBEDDED_BINDING, profile=EMBEDDED_PROFILE)
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize("variant", SERVED, ids=lambda variant: variant.name)
def test_a_variant_is_killed_by_its_rule_for_its_reason(reference: str, variant: Variant) -> None:
    run = judged(f"{reference}/broken/{variant.name}/")
    outcome = {line.rule.id: line for line in lines(run)}
    failed = {rule for rule, line in outcome.items() if line.outcome in BAD}
    assert variant.kills in failed, run.problem
    assert failed <= {variant.kills, *variant.also}
    assert counts(run)[Outcome.ERROR] == 0
    findings = [f for _, verdict in outcome[variant.kills].told for f in verdict.findings]
    assert all(f.evidence for f in findings)
    told = " / ".join(f"expected {f.expected}, got {f.got}" for f in findings)
    assert all(re.search(re.escape(words), told, re.IGNORECASE) for words in variant.because), told


def test_the_reference_itself_is_green(reference: str) -> None:
    run = judged(f"{reference}/")
    served = [rule.id for rule in all_rules() if concerns(rule, in_process=False)]
    assert {line.rule.id: line.outcome for line in lines(run)} == dict.fromkeys(served, Outcome.PASS)


def test_every_rule_is_killed_by_some_variant() -> None:
    assert {rule.id for rule in all_rules()} - {variant.kills for variant in VARIANTS} == set()


def test_every_rule_about_servers_is_killed_over_a_wire() -> None:
    served = {rule.id for rule in all_rules() if concerns(rule, in_process=False)}
    assert served - {variant.kills for variant in SERVED} == set()


def test_every_variant_names_rules_that_exist() -> None:
    known = {rule.id for rule in all_rules()}
    assert [v.name for v in VARIANTS if not {v.kills, *v.also} <= known] == []
