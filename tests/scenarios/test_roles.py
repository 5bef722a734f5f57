"""What the role scenarios must keep, beyond what the house asks of every scenario."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.script import Await, Read
from streamspec.scenarios.conformance.roles import EMPTY, EMPTY_IN_TURN, FAILING, SIBLINGS

if TYPE_CHECKING:
    from streamspec.harness.core.case import Scenario


def test_the_first_failing_session_is_patient_with_slow_failures() -> None:
    reads = [act for session in FAILING.script.sessions for act in session.acts if isinstance(act, Read)]
    assert [(read.budget, read.quiet) for read in reads] == [("finite_ms", False), *[("failing_ms", True)] * 2]
    assert BUDGETS_MS["finite_ms"] >= 30_000


@pytest.mark.parametrize(("scenario", "third_beside"), [(EMPTY, "empty-2"), (EMPTY_IN_TURN, "")])
def test_the_first_empty_session_is_patient_with_slow_ends(scenario: Scenario, third_beside: str) -> None:
    """It comes by itself: what takes its time only once, like a model that is loaded, holds up no other."""
    acts = [act for session in scenario.script.sessions for act in session.acts if isinstance(act, Read)]
    assert [read.budget for read in acts] == ["patience_ms", "item_ms", "item_ms"]
    assert [session.beside for session in scenario.script.sessions] == ["", "", third_beside]
    assert BUDGETS_MS["patience_ms"] >= 15_000


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
