"""What the tests of the house share: the rooms, read as text and as syntax, never imported."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("harness", "reference_impl", "scenarios", "reports")


@dataclass(frozen=True, slots=True)
class Source:
    """One module of a room."""

    path: Path
    name: str
    text: str
    tree: ast.Module


def _source(path: Path) -> Source:
    parts = path.relative_to(ROOT).with_suffix("").parts
    text = path.read_text(encoding="utf-8")
    return Source(path, ".".join(("streamspec", *parts)).removesuffix(".__init__"), text, ast.parse(text))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    """Every module of the four rooms."""
    return tuple(_source(path) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
