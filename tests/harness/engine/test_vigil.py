"""What a watch waits for, account by account, without a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.script import Watch
from streamspec.harness.engine.vigil import Vigil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEADY_MS = 500
EVERY_MS = 100


def over_at_ms(act: Watch, *told: Mapping[str, int], then: Mapping[str, int] | None = None) -> int | None:
    """When the watch is over; the first account was taken before it, the others each 100 ms after the one before."""
    figures: dict[str, int | str] = dict(told[0]) if told else {}
    vigil = Vigil(act, figures, dict(then or {}), STEADY_MS, 0)
    for n, values in enumerate(told[1:], 1):
        figures.update(values)
        at_ns = n * EVERY_MS * 10**6
        if vigil.has_come(figures, at_ns) or vigil.stands_still(figures, at_ns):
            return n * EVERY_MS
    return None


def sending(values: Sequence[int]) -> int | None:
    return over_at_ms(Watch("learn_ms", freed="sending"), *({"sending": value} for value in values))


def test_a_watch_is_over_when_a_send_that_waited_for_long_waits_no_more() -> None:
    assert sending([1, 1, 1, 1, 1, 0]) == 500
    assert sending([0, 1, 1, 1, 1, 1, 1, 0, 0]) == 700


def test_a_send_that_did_not_wait_for_long_ends_no_watch() -> None:
    assert sending([1, 0, 1, 0, 1, 0, 1, 0, 1, 0]) is None
    assert sending([1, 1, 1, 1, 0, 0]) is None


def test_a_wait_that_was_interrupted_counts_from_then_on() -> None:
    assert sending([1, 1, 1, 0, 1, 1, 1, 1, 0]) is None
    assert sending([1, 1, 1, 0, 1, 1, 1, 1, 1, 0]) == 900


def test_who_never_sends_is_never_let_go() -> None:
    assert sending([0] * 20) is None
    assert over_at_ms(Watch("learn_ms", freed="sending"), *({"sent": n} for n in range(20))) is None


@given(st.lists(st.integers(0, 1), max_size=40))
def test_a_watch_for_a_release_is_over_at_the_first_nothing_behind_five_in_a_row(values: list[int]) -> None:
    expected = next((n * EVERY_MS for n in range(5, len(values)) if values[n - 5 : n + 1] == [1, 1, 1, 1, 1, 0]), None)
    assert sending(values) == expected


def test_a_watch_is_over_when_one_of_its_figures_has_moved() -> None:
    act = Watch("learn_ms", moved=("ended", "cancelled"))
    assert over_at_ms(act, {"ended": 4}, {"ended": 4}, {"cancelled": 0}, {"cancelled": 1}) == 300
    assert over_at_ms(act, {}, {}, {"ended": 0}, {"ended": 1}) == 300


def test_a_figure_that_falls_back_has_not_moved() -> None:
    assert over_at_ms(Watch("learn_ms", moved=("open",)), {"open": 2}, {"open": 2}, {"open": 2}) is None


def test_a_watch_is_over_when_its_figure_stands_still_for_long_enough() -> None:
    act = Watch("stall_ms", still="sent")
    assert over_at_ms(act, *({"sent": min(n, 3)} for n in range(20))) == 800
    assert over_at_ms(act, *({"sent": n} for n in range(20))) is None


def test_what_was_never_told_does_not_stand_still() -> None:
    assert over_at_ms(Watch("stall_ms", still="sent"), *({"open": 1} for _ in range(20))) is None


def test_a_watch_for_what_is_held_is_over_when_it_is_given_back() -> None:
    act = Watch("return_ms", back="finite-count-1")
    assert over_at_ms(act, {"fds": 30}, {"fds": 30}, {"fds": 20}, {"fds": 11}, then={"fds": 9}) == 300


@pytest.mark.parametrize(
    ("act", "wanted"),
    [
        (Watch("learn_ms"), set()),
        (Watch("learn_ms", still="sent", moved=("ended",), freed="sending"), {"sent", "ended", "sending"}),
        (Watch("learn_ms", still="fds", back="finite-count-1"), set()),
    ],
)
def test_a_watch_wants_what_may_end_it(act: Watch, wanted: set[str]) -> None:
    assert Vigil(act, {}, {}, STEADY_MS, 0).wanted == wanted
