"""A fault that must leave every verdict as it is: what is put on the way, and which ordinary scenarios are played.

Faults that end connections are scenarios of their own (`scenarios/faults`), with `Poison` and `Heal` among their acts.
Pure. Never here: a proxy, or how verdicts are compared (`judged_beside`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.judge import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.run import Result
    from streamspec.harness.core.script import Poison

PROXY: Final = "proxy"  # the need of a scenario that puts something on the way
TIMES: Final = 3  # a rule that is kept without a fault must be broken so often with it, each time beside a control

# Waits that what is on the way makes longer. One-sided: none of them becomes shorter.
ON_THE_WAY: Final = (
    *("connect_ms", "head_ms", "look_ms", "item_ms", "prompt_ms", "finite_ms", "failing_ms", "recover_ms"),
    *("slots_ms", "terminal_ms", "sibling_ms", "aftermath_ms", "silent_ms", "heartbeat_ms"),
)
LINGER_MS_MAX: Final = 300.0  # what is added to the wait for what must not come, which is always waited for
_BROKEN: Final = (Outcome.FAIL, Outcome.WARN)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is put on the way, under the name by which it is chosen. `adds_ms` is what any wait may take longer then;
    `plays` the ids of ordinary scenarios whose verdicts must be those without it."""

    toxic: str
    sentence: str
    poisons: tuple[Poison, ...]
    adds_ms: float
    plays: tuple[str, ...]


def widened(budgets: Mapping[str, float], adds_ms: float) -> dict[str, float]:
    """The budgets over a way that takes so much longer."""
    wider = {name: base + adds_ms if name in ON_THE_WAY else base for name, base in budgets.items()}
    return wider | {"linger_ms": budgets["linger_ms"] + min(adds_ms, LINGER_MS_MAX)}


def broken_by(result: Result, control: Result) -> tuple[str, ...]:
    """The rules that are kept in the control and broken here: what the fault may have changed."""
    kept = {verdict.rule for verdict in control.verdicts if verdict.outcome is Outcome.PASS}
    return tuple(verdict.rule for verdict in result.verdicts if verdict.outcome in _BROKEN and verdict.rule in kept)


def judged_beside(result: Result, control: Result, times: Mapping[str, int]) -> Result:
    """The result as it counts: a rule is broken by the fault when it was kept in the control, and broken here as often
    as it must be (`times` says how often it was). What is broken without a fault, too, is the control's to tell."""
    kept = {verdict.rule for verdict in control.verdicts if verdict.outcome is Outcome.PASS}
    return replace(result, verdicts=tuple(_counted(verdict, kept, times) for verdict in result.verdicts))


def _counted(verdict: Verdict, kept: set[str], times: Mapping[str, int]) -> Verdict:
    if verdict.outcome not in _BROKEN:
        return verdict
    if verdict.rule not in kept:
        reason = "it is not kept without a fault either: nothing that the fault changed"
    elif times.get(verdict.rule, 0) < TIMES:
        reason = f"broken {times.get(verdict.rule, 0)} of {TIMES} times, and kept in each control"
    else:
        return verdict
    return replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=reason)
