"""What accounts show: bounds and baselines, and nothing where a figure began anew."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.core import accounts
from streamspec.harness.core.event import Told
from streamspec.harness.core.history import History
from streamspec.harness.core.ports import Request
from streamspec.harness.core.written import ASK, CANCEL, Row, account, head, told, written

if TYPE_CHECKING:
    from streamspec.harness.core.accounts import Figure

RUN: Final[dict[str, str | int | bool]] = {"tells.produced.per": "run", "tells.open.per": "run"}
STREAM: Final[dict[str, str | int | bool]] = {"tells.produced.per": "stream"}


def session(*after: Row, base: tuple[int, ...] = (7,), declared: dict[str, str | int | bool] | None = None) -> History:
    """One that takes accounts, asks at 10 ms, and is answered at 11 ms."""
    before = told("large", *(account(n, produced=value) for n, value in enumerate(base)))
    rows = (*before, *told("large", ASK, head(), start_ms=10), *after, *told("large", *CANCEL, start_ms=900))
    return written(*rows, declared=RUN if declared is None else declared)


def taken(*values: int, from_ms: float = 20) -> tuple[Row, ...]:
    return tuple(
        ("large", from_ms + 10 * n, account(from_ms + 10 * n - 2, produced=value)) for n, value in enumerate(values)
    )


def values(found: tuple[Figure, ...]) -> list[int]:
    return [figure.value for figure in found]


def test_a_total_is_counted_from_the_last_account_before_the_question() -> None:
    assert values(accounts.of_this(session(*taken(9, 12), base=(3, 7)), "large", "produced")) == [2, 5]


def test_without_a_baseline_a_total_says_nothing_of_one_stream() -> None:
    assert accounts.of_this(session(*taken(9, 12), base=()), "large", "produced") == ()


def test_a_total_that_falls_began_anew() -> None:
    assert accounts.of_this(session(*taken(9, 1, 2)), "large", "produced") == ()
    assert accounts.of_this(session(*taken(6, 9)), "large", "produced") == ()


def test_a_gauge_may_fall() -> None:
    rows = told("large", account(1, open=4), ASK, head(), account(5, open=5), account(6, open=3))
    assert values(accounts.of_this(written(*rows, declared=RUN), "large", "open")) == [1, -1]


def test_what_is_told_of_a_stream_counts_once_it_was_the_last_to_be_opened() -> None:
    history = session(*taken(1, 2), base=(90,), declared=STREAM)
    assert values(accounts.of_this(history, "large", "produced")) == [1, 2]


def test_an_account_asked_for_before_the_head_may_tell_of_the_stream_before() -> None:
    rows = told("large", ASK, Told(0, {"produced": 90}), head(), start_ms=10)
    assert accounts.of_this(written(*rows, *taken(1), declared=STREAM), "large", "produced")[0].value == 1


def test_figures_that_were_not_told_are_left_out() -> None:
    history = session(("large", 30, Told(0, {"open": 1})), ("large", 31, Told(0, {"produced": "many"})), *taken(9))
    assert values(accounts.figures(history, "large", "produced")) == [7, 9]


def test_a_figure_was_true_between_question_and_answer() -> None:
    figure = accounts.figures(session(*taken(9)), "large", "produced")[-1]
    assert (figure.asked_ns, figure.record.t_ns) == (18_000_000, 20_000_000)


def test_after_a_record_means_asked_for_after_it() -> None:
    history = session(*taken(9, 12))
    opened = history.records[2]
    told_ = accounts.figures(history, "large", "produced")
    assert values(accounts.after(told_, opened)) == [9, 12]
    assert accounts.after(told_, None) == ()
    assert values(accounts.after(told_, told_[1].record)) == [12]
    assert values(accounts.late(told_, opened, 15e6)) == [12]
    assert values(accounts.until(told_, told_[2].record)) == [7, 9]
    assert values(accounts.until(told_, None)) == [7, 9, 12]


@pytest.mark.parametrize(
    ("figures", "still"),
    [((), []), ((1,), [1]), ((1, 1), [1, 1]), ((1, 2, 2, 2), [2, 2, 2]), ((2, 2, 1, 2), [2]), ((1, 2, 3), [3])],
)
def test_standing_still_are_the_last_that_are_the_same(figures: tuple[int, ...], still: list[int]) -> None:
    found = accounts.figures(session(*taken(*figures), base=()), "large", "produced")
    assert values(accounts.standing_still(found)) == still


def test_how_long_figures_were_seen_is_told_by_the_inner_bounds() -> None:
    found = accounts.figures(session(*taken(1, 1, 1), base=()), "large", "produced")
    assert accounts.lasted_ns(found) == 18_000_000
    assert accounts.lasted_ns(found[:1]) == 0
    assert accounts.lasted_ns(()) == 0


def test_a_pace_has_bounds() -> None:
    found = accounts.figures(session(*taken(0, 10, 20), base=()), "large", "produced")
    assert accounts.least_pace(found) == 19 / 22e6
    assert accounts.most_pace(found) == 21 / 18e6


def test_two_accounts_that_touch_bound_nothing() -> None:
    rows = told("large", account(0, produced=1), account(0, produced=1))
    found = accounts.figures(written(*rows), "large", "produced")
    assert accounts.most_pace(found) == inf
    assert accounts.most_pace(found[:1]) == inf
    assert accounts.least_pace(found[:1]) == 0
    assert accounts.least_pace(found) == 0


@pytest.mark.parametrize(
    ("now", "then", "back"),
    [
        ({"fds": 9}, {"fds": 9}, True),
        ({"fds": 9 + accounts.SLACK}, {"fds": 9}, True),
        ({"fds": 10 + accounts.SLACK}, {"fds": 9}, False),
        ({"fds": 5, "threads": 40}, {"fds": 9, "threads": 30}, False),
        ({"fds": 5, "rss_bytes": 40}, {"fds": 9, "rss_bytes": 30}, True),
        # what only one of them tells is not known
        ({"fds": 9, "open": 40}, {"fds": 9}, True),
        ({"open": 0}, {"fds": 9}, False),
        ({}, {}, False),
        ({"fds": "many"}, {"fds": 9}, False),
    ],
)
def test_a_target_is_back_when_it_holds_no_more(
    now: dict[str, int | str], then: dict[str, int | str], *, back: bool
) -> None:
    assert accounts.is_back(now, then) is back


@pytest.mark.parametrize(
    ("name", "now", "then", "same"),
    [
        ("produced", 7, 7, True),
        ("produced", 8, 7, False),
        ("produced", None, None, True),
        ("produced", 7, None, False),
        ("rss_bytes", 40_000_000, 40_004_096, True),
        ("rss_bytes", 42_000_000, 40_000_000, False),
        ("rss_bytes", 42_000_000, None, False),
        ("cpu_ms", 420, 400, True),
        ("cpu_ms", 500, 400, False),
    ],
)
def test_memory_and_time_stand_still_though_an_account_costs_some(
    name: str, now: int | None, then: int | None, *, same: bool
) -> None:
    assert accounts.is_same(name, now, then) is same


def test_a_figure_of_a_witness_is_that_streams_own_where_the_stream_has_a_run() -> None:
    declared = {**RUN, "witness.produced": True}
    other = session(*taken(9, 12), declared=declared)
    requests = {"large": Request("http://127.0.0.1:1/sse?run={run}")}
    own = History(replace(other.header, requests=requests), other.records)
    assert values(accounts.of_this(own, "large", "produced")) == [9, 12]
    assert values(accounts.of_this(other, "large", "produced")) == [2, 5]
    assert [accounts.per_run(h, "produced", "large") for h in (own, other)] == [False, True]
