"""Our histogram: what it says is near what the samples say, in any order of merging, and somebody else's agrees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.histogram import (
    BUCKETS_MAX,
    LONGEST_US,
    Histogram,
    bucket_of,
    histogram_from_json,
    middle_us,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR = 1 / 512  # of a bucket's middle, above the range where each value has its own
PERCENTS = (0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0)
SAMPLES = st.lists(st.integers(0, LONGEST_US), min_size=1, max_size=200)


def recorded(values: Iterable[int]) -> Histogram:
    made = Histogram()
    for value in values:
        made.record(value)
    return made


def exact(values: list[int], percent: float) -> int:
    """Nearest rank, in whole numbers."""
    thousandths = round(percent * 1000)
    return sorted(values)[max(1, -(-len(values) * thousandths // 100_000)) - 1]


@given(SAMPLES)
def test_a_percentile_is_within_its_error_of_the_sample_it_stands_for(values: list[int]) -> None:
    made = recorded(values)
    for percent in PERCENTS:
        true = exact(values, percent)
        assert abs(made.percentile_us(percent) - true) <= true * ERROR + 0.5


@given(SAMPLES)
def test_number_sum_least_and_greatest_are_exact(values: list[int]) -> None:
    made = recorded(values)
    assert (made.count, made.sum_us) == (len(values), sum(values))
    assert (made.least_us, made.greatest_us) == (min(values), max(values))
    assert made.mean_us() == sum(values) / len(values)


@settings(max_examples=30)
@given(st.lists(SAMPLES, min_size=3, max_size=3))
def test_merging_is_the_same_in_any_order(parts: list[list[int]]) -> None:
    first, second, third = (recorded(part) for part in parts)
    left, right = Histogram(), Histogram()
    for part in (first, second, third):
        left.merge(part)
    second.merge(third)
    for part in (second, first):
        right.merge(part)
    whole = recorded(value for values in parts for value in values)
    assert left.to_json() == right.to_json() == whole.to_json()


@settings(max_examples=30)
@given(SAMPLES)
def test_json_gives_the_same_again(values: list[int]) -> None:
    data = recorded(values).to_json()
    assert histogram_from_json(json.loads(json.dumps(data))).to_json() == data


@settings(max_examples=20, deadline=None)  # theirs lays out its counts anew for each
@given(st.lists(st.integers(1, 3_600_000_000), min_size=1, max_size=200))
def test_hdr_histogram_is_of_the_same_opinion(values: list[int]) -> None:
    ours, theirs = recorded(values), HdrHistogram(1, 3_600_000_000, 3)
    for value in values:
        theirs.record_value(value)
    for percent in (50.0, 90.0, 99.0):
        rank = -(-len(values) * int(percent) // 100)  # theirs is rounded, and ours up: the same rank is meant
        said = theirs.get_value_at_percentile(100 * rank / len(values))
        # Each is allowed its own error: ours a 512th, theirs a 1000th.
        assert ours.percentile_us(percent) == pytest.approx(said, rel=ERROR + 0.002, abs=1)


@given(st.integers(0, LONGEST_US))
def test_a_value_lies_in_its_bucket(value: int) -> None:
    key = bucket_of(value)
    assert 0 <= key < BUCKETS_MAX
    assert abs(middle_us(key) - value) <= max(0.5, value * ERROR)


def test_buckets_follow_each_other_without_gaps() -> None:
    edges = [v for n in range(9, 36) for v in (2**n - 1, 2**n, 2**n + 1)]
    keys = [bucket_of(value) for value in edges]
    assert keys == sorted(keys)
    assert bucket_of(LONGEST_US) == BUCKETS_MAX - 1


def test_what_is_longer_than_the_longest_is_counted_and_the_greatest_stays_exact() -> None:
    made = recorded([5, LONGEST_US * 4])
    assert made.percentile_us(100) == LONGEST_US * 4
    assert histogram_from_json(made.to_json()).to_json() == made.to_json()


def test_a_percentile_of_whole_ranks_is_not_rounded_up() -> None:
    """99.9 / 100 * 1000 is a little above 999 in binary."""
    assert recorded(range(1000)).percentile_us(99.9) == pytest.approx(998, rel=ERROR)


def test_of_no_samples_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="of 0 samples"):
        Histogram().percentile_us(50)
    with pytest.raises(ValueError, match="no samples"):
        Histogram().mean_us()
    with pytest.raises(ValueError, match="no percentile 101"):
        recorded([1]).percentile_us(101)


@pytest.mark.parametrize(("value", "times"), [(-1, 1), (1, 0)])
def test_no_wait_is_shorter_than_nothing(value: int, times: int) -> None:
    with pytest.raises(ValueError, match="no such sample"):
        Histogram().record(value, times)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"bits": 7},
        {"buckets": [[3, 1], [2, 1]]},
        {"buckets": [[3, 1], [3, 1]]},
        {"buckets": [[3, 0]]},
        {"buckets": [[BUCKETS_MAX, 1]]},
        {"buckets": [[True, 1]]},
        {"buckets": 7},
        {"buckets": []},
        {"sum_us": 1},
        {"sum_us": 2.5},
        {"least_us": 2},
        {"greatest_us": 900},
        {"least_us": -1},
    ],
)
def test_what_contradicts_itself_is_not_read(change: dict[str, Any]) -> None:
    data = recorded([3, 700]).to_json() | change
    with pytest.raises(ValueError, match=r"histogram|bucket|figures"):
        histogram_from_json(data)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"version": 1, "bits": 8}])
def test_what_is_no_histogram_is_not_read(data: Any) -> None:
    with pytest.raises(ValueError, match="no histogram"):
        histogram_from_json(data)
