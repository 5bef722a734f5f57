"""A case that could not tell, tried again: which rules are still open, and what two tries say together. Pure.

No verdict is lost by it: what the first try told stays, and the second only adds. Never here: when it is worth a try.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Lagged
from streamspec.harness.core.judge import Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Result

TRY: Final = "~"  # before the number of a further try, at the end of a case's id
_BAD: Final = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)


def untold(result: Result) -> frozenset[str]:
    """The rules of which a case that was played could not tell."""
    if result.history is None:
        return frozenset()
    return frozenset(v.rule for v in result.verdicts if v.outcome is Outcome.INCONCLUSIVE) & set(result.promises)


def took_ms(result: Result) -> float:
    """From its first record to its last; of what was not played nobody knows how long it would take."""
    if result.history is None or not result.history.records:
        return math.inf
    records = result.history.records
    return (records[-1].t_ns - records[0].t_ns) / 1e6


def stood_still(result: Result) -> bool:
    """Whether our own machine stood still while it was played: what could not be told then, another try may tell."""
    return result.history is not None and bool(result.history.of(Lagged))


def in_two(first: Result, again: Result, rules: Sequence[Rule]) -> tuple[Result, ...]:
    """Both tries, each promising only what it can tell: what the first left open and the second told is the second's
    to promise. A second that tells nothing new is left out; one that was not played, or broke, is kept as it is."""
    if again.history is None:
        return (first, again) if any(v.outcome is Outcome.ERROR for v in again.verdicts) else (first,)
    told = tuple(rule for rule in first.promises if rule in untold(first) - untold(again))
    left = tuple(rule for rule in first.promises if rule not in told)
    second = _promising(again, told, rules)
    if not told and not any(v.outcome in _BAD for v in second.verdicts):
        return (first,)
    return _promising(first, left, rules), second


def _promising(result: Result, promises: tuple[str, ...], rules: Sequence[Rule]) -> Result:
    assert result.history
    return replace(result, promises=promises, verdicts=judge(result.history, rules, promises))
