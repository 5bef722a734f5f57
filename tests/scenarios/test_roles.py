"""What the role scenarios must keep, beyond what the house asks of every scenario."""

from __future__ import annotations

from itertools import pairwise

from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.script import Await, Read
from streamspec.scenarios.conformance.roles import FAILING, SIBLINGS


def test_the_first_failing_session_is_patient_with_slow_failures() -> None:
    reads = [act for session in FAILING.script.sessions for act in session.acts if isinstance(act, Read)]
    assert [(read.budget, read.quiet) for read in reads] == [("finite_ms", False), *[("failing_ms", True)] * 2]
    assert BUDGETS_MS["finite_ms"] >= 30_000


def test_no_end_at_a_fixed_time_can_fall_right_after_the_cancel_in_every_round() -> None:
    """The windows in which an end accuses, counted from the neighbour's coming, do not meet."""
    watch_ms = BUDGETS_MS["sibling_ms"]
    windows = []
    for session in SIBLINGS.script.sessions:
        if session.id.startswith("endless-stays-"):
            waits = [n for n, act in enumerate(session.acts) if isinstance(act, Await)]
            control_ms = (waits[1] - waits[0] - 1) * watch_ms
            windows.append((control_ms, control_ms + watch_ms))
    assert len(windows) == 3
    assert all(end <= start for (_, end), (start, _) in pairwise(windows))
