"""When a verdict counts as changed by a fault."""

from __future__ import annotations

from streamspec.harness.core.fault import LINGER_MS_MAX, ON_THE_WAY, TIMES, broken_by, judged_beside, widened
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.run import Result


def result(**outcomes: Outcome) -> Result:
    return Result("case", (), tuple(Verdict(rule, outcome) for rule, outcome in outcomes.items()))


CONTROL = result(KEPT=Outcome.PASS, LATER=Outcome.PASS, BAD=Outcome.FAIL, DUNNO=Outcome.INCONCLUSIVE)
THROUGH = result(KEPT=Outcome.FAIL, LATER=Outcome.WARN, BAD=Outcome.FAIL, DUNNO=Outcome.FAIL, NEW=Outcome.PASS)


def test_only_what_was_kept_without_the_fault_can_be_its_doing() -> None:
    assert broken_by(THROUGH, CONTROL) == ("KEPT", "LATER")
    assert broken_by(CONTROL, THROUGH) == ()


def test_it_counts_when_it_was_broken_every_time() -> None:
    seen = judged_beside(THROUGH, CONTROL, {"KEPT": TIMES, "LATER": TIMES - 1})
    told = {verdict.rule: (verdict.outcome, verdict.reason) for verdict in seen.verdicts}
    assert told["KEPT"] == (Outcome.FAIL, "")
    assert told["LATER"] == (Outcome.INCONCLUSIVE, "broken 2 of 3 times, and kept in each control")
    assert told["BAD"][0] is Outcome.INCONCLUSIVE
    assert "not kept without a fault either" in told["BAD"][1]
    assert told["DUNNO"][0] is Outcome.INCONCLUSIVE
    assert told["NEW"] == (Outcome.PASS, "")


def test_waits_become_longer_and_never_shorter() -> None:
    wider = widened(BUDGETS_MS, 1_000.0)
    assert set(ON_THE_WAY) <= set(BUDGETS_MS)
    assert all(wider[name] >= base for name, base in BUDGETS_MS.items())
    assert wider["head_ms"] == BUDGETS_MS["head_ms"] + 1_000.0
    assert wider["linger_ms"] == BUDGETS_MS["linger_ms"] + LINGER_MS_MAX
    assert wider["patience_ms"] == BUDGETS_MS["patience_ms"]
