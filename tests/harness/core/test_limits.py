"""Budgets: each one that anything waits for exists, and calibration stretches the named ones only."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from streamspec.harness.assembly import all_scenarios
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS, SCALED, budgets
from streamspec.harness.core.script import Ask, Read
from streamspec.harness.engine.probe import TWO_AT_ONCE

HARNESS = Path(__file__).parents[3] / "harness"
NAMED = re.compile(r"""budget(?:s\[|=|\s==\s|_of\()"([a-z_]+)"|Expired\("([a-z_]+)"|tail = "([a-z_]+)\"""")


def test_every_budget_that_a_script_names_exists() -> None:
    scripts = [TWO_AT_ONCE, *(scenario.script for scenario in all_scenarios())]
    acts = [act for script in scripts for session in script.sessions for act in session.acts]
    named = {act.budget for act in acts if isinstance(act, Ask | Read)}
    assert named
    assert named <= set(BUDGETS_MS)


def test_every_budget_that_the_source_names_exists() -> None:
    named = {
        name
        for path in HARNESS.rglob("*.py")
        for match in NAMED.finditer(path.read_text())
        for name in match.groups()
        if name
    }
    assert named <= set(BUDGETS_MS)


@pytest.mark.parametrize("name", BUDGETS_MS)
def test_every_budget_is_used_somewhere(name: str) -> None:
    sources = [*HARNESS.rglob("*.py"), *(HARNESS.parent / "scenarios").rglob("*.py")]
    used = [p for p in sources if p.name != "limits.py" and re.search(rf"\b{name}\b", p.read_text())]
    assert used


def test_every_budget_is_a_time() -> None:
    assert all(name.endswith("_ms") and base > 0 for name, base in BUDGETS_MS.items())


def test_calibration_stretches_the_named_budgets_only() -> None:
    assert set(BUDGETS_MS) > SCALED
    grown = budgets(3.0)
    assert grown == {name: base * (3 if name in SCALED else 1) for name, base in BUDGETS_MS.items()}


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, -2.0, float("nan")])
def test_a_fast_machine_shortens_nothing(factor: float) -> None:
    assert budgets(factor) == dict(BUDGETS_MS)


def test_every_limit_is_a_positive_bound() -> None:
    assert all(getattr(LIMITS, field.name) > 0 for field in fields(LIMITS))
