"""What may be asked of a target of which only the kind is known, and perhaps the binding: every case of any plan.

For doors that must name their cases before there is any traffic. A superset of each plan that such a target can get,
and the same for the same words, whatever process asks. Never here: what the target offers (`plan` decides that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.rule import Rule


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A case that there may be, and the rules that it would promise. Its id has a binding where that is known."""

    id: str
    scenario: str
    rules: tuple[str, ...]


def foreseen(
    scenarios: Iterable[Scenario], rules: Sequence[Rule], binding: str, *, in_process: bool
) -> tuple[Foreseen, ...]:
    """The cases in the order in which they would run. `rules` are those that were chosen; an empty `binding` is yet to
    be found."""
    fitting = [rule for rule in rules if not (rule.on and binding and binding not in rule.on)]
    found: list[Foreseen] = []
    for scenario in sorted(scenarios, key=lambda s: (s.order, s.id)):
        if ("object" in scenario.needs) is not in_process:
            continue
        promised = tuple(rule.id for rule in fitting if rule.id in scenario.promises)
        if promised:
            found.append(Foreseen(f"{scenario.id}@{binding}" if binding else scenario.id, scenario.id, promised))
    return tuple(found)
