"""A property: what a search may try on a target, as data that is drawn, and which targets it is for.

The rules are its oracles: whatever is drawn is legal, and they say what must come of it. Never here: how anything is
drawn, or played; to the core a strategy is opaque.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamspec.harness.core.case import Scenario

ROOT: Final = "properties/"  # the ids of properties, and of the scenarios that they draw, begin so


@dataclass(frozen=True, slots=True)
class Property:
    """`draw(target)` gives a strategy of `Scenario`s for this `core.case.Target`, each without promises and bounded in
    time. `needs` are those of the target (`core.plan.unmet` reads them). `smaller` are legal scripts that are smaller
    than one that fails, where plays are too slow for whoever draws to find them."""

    id: str
    sentence: str
    needs: tuple[str, ...]
    draw: Callable[[Any], Any]
    smaller: Callable[[Scenario], Iterable[Scenario]] | None = None

    @property
    def name(self) -> str:
        """How a person writes it."""
        return self.id.removeprefix(ROOT)


def was_drawn(scenario: str) -> bool:
    """Whether a scenario of this id came out of a search: no fixed case plays it, a replay does."""
    return scenario.startswith(ROOT)
