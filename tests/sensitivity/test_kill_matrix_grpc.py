"""The kill matrix over gRPC: every rule of its wire, and of HTTP/2 below it, catches the variant that breaks it, by its
id and for the right reason (design 2.7).

The reference itself must be green by the same rules. With `tox -e kills-all` no other rule of these fails that was not
foreseen.
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

ON: Final = "grpc"
OF_HTTP2: Final = ("CJ-10", "BP-20")
ALL_CASES: Final = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
RULES: Final = tuple(rule for rule in all_rules() if rule.family == "GR" or rule.id in OF_HTTP2)
IDS: Final = tuple(rule.id for rule in RULES)
BAD: Final = (Outcome.FAIL, Outcome.WARN)
VARIANTS: Final = tuple(v for v in variants() if v.by == "run" and v.kills in IDS)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, each that breaks octets on a port of its own."""
    with served_reference() as url:
        yield url


def judged(base: str, *rules: str) -> Run:
    settings = Settings(look=Request(base), script=base, binding=ON, profile="", rules=rules)
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
def test_a_variant_is_killed_by_its_rule_for_its_reason(reference: str, variant: Variant) -> None:
    assert ON in variant.on
    rules = IDS if ALL_CASES else (variant.kills,)
    assert_killed(variant, lambda: judged(f"{reference}/broken/{variant.name}/script", *rules))


def test_the_reference_itself_is_green(reference: str) -> None:
    run = judged(f"{reference}/script", *IDS)
    assert run.problem == ""
    assert {line.rule.id: line.outcome for line in lines(run)} == dict.fromkeys(IDS, Outcome.PASS)


def test_every_rule_of_these_is_killed_by_some_variant() -> None:
    assert set(IDS) - {variant.kills for variant in VARIANTS} == set()
    assert set(OF_HTTP2) <= set(IDS)
