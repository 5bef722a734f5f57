"""Dialects beside our own: the reference speaks them and is green under their profiles, and what breaks an ending there
is killed by the rules about endings (decision 13)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES: Final = ("LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "ER-04", "ER-07", "ER-08", "DR-09", "OI", "SSE", "ND")
SLOW: Final = ("endless", "prompt", "large", "idle", "resumable", "text")  # what a dialect changes nothing of
DIALECTS: Final = {"raffel": ("raffel", "sse"), "ndjson-bulk": ("guide-bulk", "ndjson")}  # profile: path, binding


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


def judged(base: str, profile: str, *rules: str) -> Run:
    path, binding = DIALECTS[profile]
    said = tuple(word for word in embedded_target.roles(binding) if not word.startswith(SLOW))
    if profile == "ndjson-bulk":
        said = tuple(word.replace("finite?n=100", "finite?n=100&errors=10") for word in said)
    look = Request(f"{base}/{path}/")
    settings = Settings(look=look, roles=said, binding=binding, profile=profile, rules=rules)
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize(
    ("profile", "green"),
    [
        ("raffel", {"LC-01", "LC-02", "LC-07", "LC-14", "ER-01", "ER-04", "OI-01", "OI-02", "OI-03", "SSE-24"}),
        ("ndjson-bulk", {"LC-01", "LC-02", "LC-07", "LC-14", "OI-01", "OI-02", "OI-09", "OI-10", "OI-11", "ND-09"}),
    ],
)
def test_the_reference_is_green_in_this_dialect(reference: str, profile: str, green: set[str]) -> None:
    run = judged(reference, profile, *RULES)
    assert run.problem == ""
    seen = {line.rule.id: line.outcome for line in lines(run)}
    assert {rule for rule, outcome in seen.items() if outcome not in {Outcome.PASS, Outcome.SKIP}} == set()
    assert green | {"ER-07", "ER-08", "DR-09"} <= {rule for rule, outcome in seen.items() if outcome is Outcome.PASS}


@pytest.mark.parametrize("profile", list(DIALECTS))
@pytest.mark.parametrize(
    ("variant", "rule"),
    [
        ("ends-twice", "LC-01"),
        ("talks-after-end", "LC-02"),
        ("forgets-terminal", "LC-14"),
        ("hides-failure", "LC-07"),
    ],
)
def test_a_broken_ending_is_killed_in_every_dialect(reference: str, profile: str, variant: str, rule: str) -> None:
    run = judged(f"{reference}/broken/{variant}", profile, rule)
    assert {line.rule.id: line.outcome for line in lines(run)} == {rule: Outcome.FAIL}
