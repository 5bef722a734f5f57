"""What a watch waits for, and whether that has come: the figures of one account after another, and no clock of its own.

Never here: who takes the accounts, or what they mean for a rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.harness.core.accounts import is_back, is_owing, is_same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.script import Watch

    Values = Mapping[str, int | str]


class Vigil:
    """One watch. After each account it is asked once whether it `has_come`, and where not, whether it `stands_still`;
    `figures` are the latest of every name. A figure that was not told yet, since the handler was not called yet, is a
    count that is still at nothing."""

    def __init__(self, act: Watch, figures: Values, then: Values, steady_ms: float, at_ns: int) -> None:
        self._act = act
        self._began = dict(figures)
        self._before = figures.get(act.still)
        self._then = dict(then)
        self._steady_ns = steady_ms * 1e6
        self._still_since_ns = at_ns
        self._held_since_ns = at_ns if figures.get(act.freed) else None

    @property
    def wanted(self) -> frozenset[str]:
        """The figures without which nothing ends it early; none are named where all may be."""
        named = {self._act.still, self._act.freed, *self._act.moved} - {""}
        return frozenset() if self._act.back else frozenset(named)

    def has_come(self, figures: Values, at_ns: int) -> bool:
        """Whether something has changed that ends the watch."""
        act, began = self._act, self._began
        if any(figures.get(name, 0) != began.get(name, 0) for name in act.moved):
            return True
        return bool(act.back and is_back(figures, self._then)) or self._is_freed(figures, at_ns)

    def _is_freed(self, figures: Values, at_ns: int) -> bool:
        if figures.get(self._act.freed):
            self._held_since_ns = at_ns if self._held_since_ns is None else self._held_since_ns
            return False
        since_ns, self._held_since_ns = self._held_since_ns, None
        return since_ns is not None and at_ns - since_ns >= self._steady_ns

    def stands_still(self, figures: Values, at_ns: int) -> bool:
        """Whether the figure that is to stand still has done so for long enough."""
        act, before = self._act, self._before
        self._before = now = figures.get(act.still)
        moves = act.still and not is_same(act.still, now, before)
        if moves or (act.back and is_owing(figures, self._then)):
            self._still_since_ns = at_ns
            return False
        return act.still in figures and at_ns - self._still_since_ns >= self._steady_ns
