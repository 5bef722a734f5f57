"""What only a search shows: the fixed cases of `run` see nothing of these variants, and the search kills each, for its
reason. A lane: `pytest tests/lanes/test_fuzz_variants.py`.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

import pytest
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, lines
from streamspec.harness.fuzzing import Fuzzing, run_fuzz
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.variant import Variant

BAD: Final = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
VARIANTS: Final = tuple(variant for variant in variants() if variant.by == "fuzz")
OBJECTS: Final = tuple(variant for variant in VARIANTS if "inprocess" in variant.on)
SERVED: Final = tuple((variant, on) for variant in VARIANTS for on in variant.on if on != "inprocess")
SECONDS: Final = 60.0


def failed(run: Run) -> set[str]:
    return {line.rule.id for line in lines(run) if line.outcome in BAD}


def is_killed(run: Run, variant: Variant) -> None:
    assert variant.kills in failed(run) <= {variant.kills, *variant.also}
    told = next(line for line in lines(run) if line.rule.id == variant.kills).told
    text = " / ".join(f"expected {f.expected}, got {f.got}" for _, verdict in told for f in verdict.findings)
    assert all(re.search(re.escape(words), text, re.IGNORECASE) for words in variant.because), text


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


def test_there_are_some_of_both_kinds() -> None:
    assert OBJECTS
    assert SERVED


@pytest.mark.parametrize("shell", ["aio", "threads"])
@pytest.mark.parametrize("variant", OBJECTS, ids=lambda variant: variant.name)
def test_the_fixed_cases_see_nothing_of_a_broken_object(variant: Variant, shell: str) -> None:
    name = f"streamspec.reference_impl.objects:{shell}.{variant.name.replace('-', '_')}"
    assert failed(asyncio.run(run_target(Settings(look=Request(""), object=name), lambda *_: None))) == set()


@pytest.mark.parametrize("variant", OBJECTS, ids=lambda variant: variant.name)
def test_the_search_kills_a_broken_object(variant: Variant) -> None:
    name = f"streamspec.reference_impl.objects:aio.{variant.name.replace('-', '_')}"
    settings = Settings(look=Request(""), object=name)
    is_killed(asyncio.run(run_fuzz(settings, Fuzzing(SECONDS), lambda *_: None)), variant)


def served(base: str, variant: Variant, on: str) -> Settings:
    url = f"{base}/broken/{variant.name}/"
    return Settings(
        look=Request(url + embedded_target.path(on)),
        roles=embedded_target.roles(on),
        binding=on,
        profile=embedded_target.PROFILE,
        claims=embedded_target.CLAIMS,
        script=f"{url}script",
    )


@pytest.mark.parametrize(("variant", "on"), SERVED, ids=[f"{variant.name}@{on}" for variant, on in SERVED])
def test_the_fixed_cases_see_nothing_of_a_broken_server(reference: str, variant: Variant, on: str) -> None:
    run = asyncio.run(run_target(served(reference, variant, on), lambda *_: None))
    assert (run.problem, failed(run)) == ("", set())


@pytest.mark.parametrize(("variant", "on"), SERVED, ids=[f"{variant.name}@{on}" for variant, on in SERVED])
def test_the_search_kills_a_broken_server(reference: str, variant: Variant, on: str) -> None:
    fuzzing = Fuzzing(SECONDS, ("scripts",))
    is_killed(asyncio.run(run_fuzz(served(reference, variant, on), fuzzing, lambda *_: None)), variant)
