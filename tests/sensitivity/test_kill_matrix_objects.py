"""The kill matrix in process: every rule about objects catches the broken stream that breaks it, in both shells, for
the right reason; the four good shells, fast and table-driven, break none.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from kills import assert_for_its_reason

from streamspec.harness.assembly import Settings, all_rules, concerns, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Line, Run, lines
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    from streamspec.reference_impl.variant import Variant

ISLAND = "streamspec.reference_impl.objects"
BROKEN = tuple(variant for variant in variants() if "inprocess" in variant.on and variant.by == "run")
BAD = (Outcome.FAIL, Outcome.WARN)
# With threads a broken stream costs seconds of waiting for what it never does: that half is `tox -e kills`.
ALL_CASES = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
SLOW_TOO = ALL_CASES or bool(os.environ.get("STREAMSPEC_SLOW"))
SHELLS = ["aio", "threads"] if SLOW_TOO else ["aio"]
GOOD = ["AIO", "THREADS", "AIO_TABLED", "THREADS_TABLED"] if SLOW_TOO else ["AIO", "THREADS", "AIO_TABLED"]
ABOUT_OBJECTS = tuple(rule for rule in all_rules() if concerns(rule, in_process=True))


def judged(name: str, *rules: str) -> Run:
    settings = Settings(look=Request(""), object=f"{ISLAND}:{name}", rules=rules)
    return asyncio.run(run_target(settings, lambda *_: None))


def outcomes(run: Run) -> dict[str, Line]:
    return {line.rule.id: line for line in lines(run)}


def failed_in(run: Run) -> set[str]:
    """Every rule that failed in any case of the run, whether or not it was asked for."""
    return {verdict.rule for result in run.results for verdict in result.verdicts if verdict.outcome in BAD}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("variant", BROKEN, ids=lambda variant: variant.name)
def test_a_broken_stream_is_killed_by_its_rule_for_its_reason(variant: Variant, shell: str) -> None:
    """In the cases that promise the rule; with STREAMSPEC_ALL_CASES, in all of them."""
    run = judged(f"{shell}.{variant.name.replace('-', '_')}", *(() if ALL_CASES else (variant.kills,)))
    assert_for_its_reason(variant, run, failed_in(run))


@pytest.mark.parametrize("name", GOOD)
def test_the_reference_passes_every_rule(name: str) -> None:
    skipped = ONLY_AWAITED if name.startswith("THREADS") else set()
    found = {rule: line.outcome for rule, line in outcomes(judged(name)).items()}
    assert found == {rule.id: Outcome.SKIP if rule.id in skipped else Outcome.PASS for rule in ABOUT_OBJECTS}


ONLY_AWAITED: set[str] = set()  # rules that need a task that can be cancelled


TRUE_FINDINGS = {
    # anyio keeps what nobody received after the receiving side was closed, until the streams themselves are forgotten
    "anyio:create_memory_object_stream": ["RL-07"],
}


@pytest.mark.parametrize("name", ["asyncio:Queue", "queue:Queue", "anyio:create_memory_object_stream"])
def test_somebody_elses_queue_keeps_what_it_claims(name: str) -> None:
    settings = Settings(look=Request(""), object=name)
    found = lines(asyncio.run(run_target(settings, lambda *_: None)))
    assert [line.rule.id for line in found if line.outcome in {*BAD, Outcome.ERROR, Outcome.INCONCLUSIVE}] == (
        TRUE_FINDINGS.get(name, [])
    )
    assert sum(line.outcome is Outcome.PASS for line in found) >= 5


def test_every_rule_about_objects_is_killed_in_process() -> None:
    assert {rule.id for rule in ABOUT_OBJECTS} - {variant.kills for variant in BROKEN} == set()


def test_a_broken_stream_says_where_it_is_broken() -> None:
    assert [v.name for v in BROKEN if v.where != "stream"] == []
