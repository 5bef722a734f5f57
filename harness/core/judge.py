"""The judge: (history, rules, promises) -> verdicts. The only maker of a `Verdict`.

1. Any broken finding is a FAIL, or a WARN for a SHOULD. 2. Else any held one is a PASS. 3. Else, if the case promised
the rule, INCONCLUSIVE. 4. Else nothing. A failure or a silence that follows from another rule's failure in the same
case is INCONCLUSIVE and names it. A check that raises is ERROR: ours, never the target's.
"""

from __future__ import annotations

import enum
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamspec.harness.core.rule import Finding, Level, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.harness.core.history import History


class Outcome(enum.StrEnum):
    """Only PASS is green. SKIP is said by the plan alone."""

    FAIL = "FAIL"
    ERROR = "ERROR"
    WARN = "WARN"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"  # noqa: S105 -- a verdict, not a password
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule on one case. `findings` are those that made the outcome; `reason` explains INCONCLUSIVE and ERROR."""

    rule: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    reason: str = ""


def judge(history: History, rules: Iterable[Rule], promises: Sequence[str]) -> tuple[Verdict, ...]:
    """Judge one history. Rules whose `on` does not name its binding are passed over."""
    selected = [rule for rule in rules if not rule.on or history.header.binding in rule.on]
    found = {rule.id: _findings(rule, history) for rule in selected}
    failed = {rule_id for rule_id, result in found.items() if isinstance(result, tuple) and _having("broken", result)}
    verdicts = (_verdict(rule, found[rule.id], rule.id in promises, failed) for rule in selected)
    return tuple(verdict for verdict in verdicts if verdict is not None)


def _findings(rule: Rule, history: History) -> tuple[Finding, ...] | str:
    """The check's findings, or how it failed: by a crash, or by a finding that is none."""
    try:
        findings = tuple(rule.check(history))
    except Exception:  # noqa: BLE001 -- whatever a check raises is our error and must not end the run
        return traceback.format_exc()
    for finding in findings:
        if not isinstance(finding, Finding):
            return f"the check of {rule.id} yielded {finding!r}, which is no finding"
        if finding.stance != "unknown" and not finding.evidence:
            return f"the check of {rule.id} found {finding.stance} without evidence"
    return findings


def _having(stance: str, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.stance == stance)


def _verdict(rule: Rule, result: tuple[Finding, ...] | str, promised: bool, failed: set[str]) -> Verdict | None:  # noqa: FBT001 -- private
    if isinstance(result, str):
        return Verdict(rule.id, Outcome.ERROR, reason=result)
    broken, held = _having("broken", result), _having("held", result)
    cause = next((other for other in rule.after if other in failed), None)
    if broken and cause is None:
        return Verdict(rule.id, Outcome.FAIL if rule.level is Level.MUST else Outcome.WARN, broken)
    if broken or (promised and not held):
        unknowns = _having("unknown", result)
        said = "; ".join(dict.fromkeys(finding.reason for finding in unknowns))
        reason = f"follows from {cause}" if cause else said or "nothing to look at"
        return Verdict(rule.id, Outcome.INCONCLUSIVE, broken or unknowns, reason)
    return Verdict(rule.id, Outcome.PASS, held) if held else None
