"""When streams are due: evenly, or as of many strangers; never because of what came of those before."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.load import Wanted
from streamspec.harness.load.schedule import due_times_ns, planned

TEN_A_SECOND = Wanted(streams=5, rate=10.0, duration_s=1.0)


def test_even_arrivals_are_evenly_spaced_from_the_beginning() -> None:
    assert list(due_times_ns(TEN_A_SECOND)) == [n * 100_000_000 for n in range(10)]


def test_a_rate_that_is_no_whole_number_does_not_drift() -> None:
    wanted = replace(TEN_A_SECOND, rate=3.0, duration_s=1000.0)
    assert list(due_times_ns(wanted))[-1] == round(2999 / 3 * 1e9)
    assert planned(wanted) == 3000


def test_strangers_come_as_often_on_average_and_alike_for_a_seed() -> None:
    wanted = Wanted(streams=5, rate=100.0, duration_s=100.0, seed=7, arrivals="poisson")
    times = list(due_times_ns(wanted))
    assert times == list(due_times_ns(wanted)) != list(due_times_ns(replace(wanted, seed=8)))
    assert len(times) == pytest.approx(10_000, rel=0.05)
    gaps = [after - before for before, after in pairwise(times)]
    # Of exponential intervals a share of 1 - 1/e is shorter than the mean.
    assert sum(gap < 10_000_000 for gap in gaps) / len(gaps) == pytest.approx(0.632, abs=0.03)


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
@given(lanes=st.integers(1, 7), rate=st.floats(0.5, 50), seconds=st.floats(0.1, 5))
def test_lanes_share_one_schedule_without_a_gap_or_a_repeat(
    arrivals: str, lanes: int, rate: float, seconds: float
) -> None:
    wanted = Wanted(
        streams=1, rate=rate, duration_s=seconds, seed=3, arrivals="even" if arrivals == "even" else "poisson"
    )
    parts = [list(due_times_ns(replace(wanted, lane=lane, lanes=lanes))) for lane in range(lanes)]
    whole = list(due_times_ns(wanted))
    assert sorted(time for part in parts for time in part) == whole
    assert all(0 <= time < seconds * 1e9 for time in whole)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
