"""The garbage collector walks seldom while a run lasts, and as before when it is over, however that was."""

from __future__ import annotations

import gc

import pytest

from streamspec.harness.engine.collecting import THRESHOLDS, seldom


def test_it_collects_seldom_inside_and_as_before_behind() -> None:
    before = gc.get_threshold()
    with seldom():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.isenabled()
    assert gc.get_threshold() == before


def test_a_run_that_fails_leaves_it_as_it_was() -> None:
    before = gc.get_threshold()
    with pytest.raises(RuntimeError), seldom():
        raise RuntimeError("as if")
    assert gc.get_threshold() == before
