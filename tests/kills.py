"""What it means that a variant is killed, for every matrix: its rule fails, for its reason, and nothing that was not
foreseen. Never here: a test, or how a variant is served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.run import counts, lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.run import Run
    from streamspec.reference_impl.variant import Variant

BAD: Final = (Outcome.FAIL, Outcome.WARN)
TRIES: Final = 3  # of a judgement that could not tell, on a machine that does six at once; one that acquits is no such


def assert_killed(variant: Variant, judged: Callable[[], Run]) -> None:
    """Raises `AssertionError` in the words of what came instead. Only INCONCLUSIVE is judged again."""
    for _ in range(TRIES):
        run = judged()
        outcome = {line.rule.id: line for line in lines(run)}
        if variant.kills not in outcome or outcome[variant.kills].outcome is not Outcome.INCONCLUSIVE:
            break
    assert_for_its_reason(variant, run, {rule for rule, line in outcome.items() if line.outcome in BAD})


def assert_for_its_reason(variant: Variant, run: Run, failed: set[str]) -> None:
    """Of a run in which these rules failed."""
    outcome = {line.rule.id: line for line in lines(run)}
    told = {rule: (line.outcome, [verdict.reason for _, verdict in line.told]) for rule, line in outcome.items()}
    assert variant.kills in failed, run.problem or told
    assert failed <= {variant.kills, *variant.also}
    assert counts(run)[Outcome.ERROR] == 0
    findings = [f for _, verdict in outcome[variant.kills].told for f in verdict.findings]
    assert all(f.evidence for f in findings)
    said = " / ".join(f"expected {f.expected}, got {f.got}" for f in findings)
    assert all(re.search(re.escape(words), said, re.IGNORECASE) for words in variant.because), said
