"""What adds up over streams and engines: in any order alike, bounded, and read back strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.core.load import Seen
from streamspec.harness.load.tally import COUNTS, NAMES_MAX, OTHERS, Tally, tally_from_json

GOOD = Seen("", 3, 1_000, 2_000, (10, 20), 5_000)
STREAMS = st.lists(
    st.builds(
        Seen,
        st.sampled_from(["", "reset", "answered 503"]),
        st.integers(0, 9),
        st.none() | st.integers(0, 10**6),
        st.none() | st.integers(0, 10**6),
        st.lists(st.integers(0, 10**6), max_size=3).map(tuple),
        st.none() | st.integers(0, 10**6),
    ),
    max_size=12,
)


def tally(streams: list[Seen]) -> Tally:
    made = Tally()
    for number, seen in enumerate(streams):
        made.stream(seen, [("OI-01", "broken" if number % 3 else "held")])
    return made


def test_a_good_stream_is_counted_and_gives_its_times() -> None:
    made = tally([GOOD])
    assert dict(made.counts) == {"items": 3, "good": 1}
    due = {"ttfb": 1, "ttfe": 1, "gap": 2, "whole": 1}
    assert {name: h.count for name, h in made.histograms.items() if h.count} == due | {
        f"sure.{name}": n for name, n in due.items()
    }


def test_what_is_ours_of_a_time_is_taken_off_what_is_sure() -> None:
    made = tally([Seen("", 2, 100, 200, (50,), 400, (30, 30, 500), (20,))])
    sure = {name: made.histograms[f"sure.{name}"].greatest_us for name in ("ttfb", "ttfe", "gap", "whole")}
    assert sure == {"ttfb": 70, "ttfe": 170, "gap": 30, "whole": 0}


def test_a_failed_stream_is_counted_by_its_kind_and_gives_no_time() -> None:
    made = tally([Seen("reset", 2, 1, 1, (1,), 1)])
    assert (made.counts["failed"], dict(made.kinds), made.counts["good"]) == (1, {"reset": 1}, 0)
    assert all(not histogram.count for histogram in made.histograms.values())


@settings(max_examples=25)
@given(STREAMS, STREAMS, STREAMS)
def test_the_order_of_adding_changes_nothing(first: list[Seen], second: list[Seen], third: list[Seen]) -> None:
    one, other = Tally(), Tally()
    for streams in (first, second, third):
        one.merge(tally(streams))
    for streams in (third, first, second):
        other.merge(tally(streams))
    assert one.to_json() == other.to_json()


@settings(max_examples=25)
@given(STREAMS)
def test_json_gives_the_same_again(streams: list[Seen]) -> None:
    data = tally(streams).to_json()
    assert tally_from_json(json.loads(json.dumps(data))).to_json() == data


def test_kinds_are_bounded_and_none_is_forgotten() -> None:
    made = tally([Seen(f"answered {number}") for number in range(500)])
    assert len(made.kinds) == NAMES_MAX + 1
    assert made.kinds[OTHERS] == 500 - NAMES_MAX
    assert made.counts["failed"] == sum(made.kinds.values()) == 500


@pytest.mark.parametrize(
    "change",
    [
        {"counts": {"due": -1}},
        {"counts": {"due": 1.5}},
        {"counts": {"due": True}},
        {"counts": {"surprise": 1}},
        {"kinds": {"": 1}},
        {"kinds": {"x" * 101: 1}},
        {"kinds": {f"k{n}": 1 for n in range(NAMES_MAX + 2)}},
        {"rules": {"OI-01": {"maybe": 1}}},
        {"rules": {f"OI-{n}": {} for n in range(NAMES_MAX + 1)}},
        {"histograms": {"other": {}}},
        {"histograms": {"ttfb": {}}},
        {"histograms": None},
    ],
)
def test_what_is_no_tally_is_not_read(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no |rules|counts"):
        tally_from_json(tally([GOOD]).to_json() | change)


@pytest.mark.parametrize("data", [None, 7, [], {}])
def test_what_is_something_else_is_not_read(data: Any) -> None:
    with pytest.raises(ValueError, match="no tally"):
        tally_from_json(data)


def test_every_count_can_be_said() -> None:
    made = Tally()
    made.counts.update(dict.fromkeys(COUNTS, 2))
    assert tally_from_json(made.to_json()).counts == made.counts
