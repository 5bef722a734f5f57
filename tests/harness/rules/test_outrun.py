"""BP-05 and BP-06 at their edges: bounded servers of every kind, and what tells too little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from streamspec.harness.core.event import Did, Elided, Event, Item, Record, Told
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict, judge
from streamspec.harness.core.written import ASK, CLOSE, EOF, RESET, head, told, written
from streamspec.harness.rules.outrun import BP_05, backlogs, counts
from streamspec.harness.rules.outrun_memory import BP_06, remembered

RuleOn = Callable[[str, History], Verdict]
BASE: Final = 63  # what the first backlog added to the total
WAITS: Final = counts(40, *(60,) * 7, BASE)
LARGE_ITEMS: Final = 5_000


def second(*ahead: int, **also: int) -> tuple[dict[str, int], ...]:
    """What is told of the second backlog, as far as it is its own."""
    return counts(*(BASE + n for n in ahead), **also)


def each(history: History, change: Callable[[Event], Event]) -> History:
    return History(history.header, tuple(replace(r, event=change(r.event)) for r in history.records))


def per_stream(history: History) -> History:
    header = replace(history.header, declared={**history.header.declared, "tells.produced.per": "stream"})
    return History(header, history.records)


@pytest.mark.parametrize(
    ("outcome", "ahead"),
    [
        ("PASS", (60,) * 8 + (63,)),
        # 95 MiB more than the first, and less than half
        ("PASS", (1_500,) * 8 + (1_503,)),
        # it stood still, and did not move when the reader went on
        ("INCONCLUSIVE", (2_000,) * 9),
        # half of it, but for what others may have produced
        ("INCONCLUSIVE", (2_500,) * 9),
        ("FAIL", (2_600,) * 9),
        ("FAIL", (60,) * 4 + (2_600,) * 5),
        ("INCONCLUSIVE", tuple(range(0, 900, 100))),
        ("INCONCLUSIVE", (60,) * 9),
    ],
)
def test_half_of_the_backlog_and_much_more_than_before_is_an_outrun(
    rule_on: RuleOn, outcome: str, ahead: tuple[int, ...]
) -> None:
    assert rule_on("BP-05", backlogs(WAITS, second(*ahead))).outcome == outcome


def test_the_finding_says_how_much_was_produced_and_taken(rule_on: RuleOn) -> None:
    (finding,) = rule_on("BP-05", backlogs(WAITS, second(*(LARGE_ITEMS,) * 9))).findings
    assert finding.got == "5000 of 5000 items produced, 0 taken; of 500 it had been 60"


@pytest.mark.parametrize("figures", [(0,) * 9, (60,) * 4 + (0,) * 5])
def test_inside_a_send_it_must_be_until_the_stall_ends(rule_on: RuleOn, figures: tuple[int, ...]) -> None:
    large = tuple({"produced": BASE + 60, "sending": n} for n in figures)
    assert rule_on("BP-05", backlogs(WAITS, large)).outcome == "INCONCLUSIVE"


def test_a_stall_that_was_seen_too_shortly_shows_no_standing_still(rule_on: RuleOn) -> None:
    assert rule_on("BP-05", backlogs(WAITS, second(60, 60, 60, 63))).outcome == "INCONCLUSIVE"


def test_what_is_told_of_one_stream_needs_no_baseline(rule_on: RuleOn) -> None:
    small, large = counts(40, *(60,) * 7, 63), counts(*(60,) * 8, 63)
    assert rule_on("BP-05", per_stream(backlogs(small, large))).outcome == "PASS"
    broken = per_stream(backlogs(small, counts(*(LARGE_ITEMS,) * 9)))
    assert rule_on("BP-05", broken).outcome == "FAIL"


def test_items_that_are_smaller_than_declared_fit_into_any_buffer(rule_on: RuleOn) -> None:
    def shrunk(event: Event) -> Event:
        return replace(event, size=100) if isinstance(event, Item) else event

    history = each(backlogs(WAITS, second(*(LARGE_ITEMS,) * 9)), shrunk)
    assert rule_on("BP-05", history).outcome == "INCONCLUSIVE"


def test_without_an_item_nobody_knows_how_large_they_are(rule_on: RuleOn) -> None:
    history = backlogs(WAITS, second(*(LARGE_ITEMS,) * 9))
    unread = each(history, lambda event: Elided("Heartbeat", 1) if isinstance(event, Item) else event)
    assert rule_on("BP-05", unread).outcome == "INCONCLUSIVE"


def test_items_that_were_not_written_down_are_not_ahead(rule_on: RuleOn) -> None:
    """An account behind them does not count; those before do."""
    late: tuple[dict[str, int], ...] = (*({},) * 8, {"produced": BASE + LARGE_ITEMS})
    for large, outcome in ((late, "INCONCLUSIVE"), (second(*(LARGE_ITEMS,) * 9), "FAIL")):
        history = backlogs(WAITS, large)
        elided = Record(len(history.records), 10**12, "large-2", "harness", Elided("Item", 4_000, 1))
        assert rule_on("BP-05", History(history.header, (*history.records, elided))).outcome == outcome


def test_one_backlog_alone_shows_no_bound(rule_on: RuleOn) -> None:
    history = backlogs(WAITS, second(*(LARGE_ITEMS,) * 9))
    alone = tuple(s for s in history.header.script.sessions if s.id == "large-2")
    script = replace(history.header.script, sessions=alone)
    records = tuple(r for r in history.records if r.session == "large-2")
    renumbered = tuple(replace(r, index=n) for n, r in enumerate(records))
    verdict = rule_on("BP-05", History(replace(history.header, script=script), renumbered))
    assert (verdict.outcome, verdict.reason) == (
        "INCONCLUSIVE",
        "no two backlogs were offered, one much larger than the other",
    )


def test_a_declared_bound_leaves_room_for_what_two_kernels_hold(rule_on: RuleOn) -> None:
    """One item is 64 KiB: 60 of them are less than the transport alone may hold, 400 are more."""
    for ahead, outcome in ((60, "PASS"), (400, "FAIL")):
        history = backlogs(WAITS, second(*(ahead,) * 8, ahead + 3), bound=1)
        assert rule_on("BP-05", history).outcome == outcome


@pytest.mark.parametrize("status", [404, 503])
def test_a_refused_backlog_says_so(rule_on: RuleOn, status: int) -> None:
    history = written(*told("large-1", ASK, head(status=status), *CLOSE))
    for rule in ("BP-05", "BP-06"):
        assert rule_on(rule, history).reason == f"large answered {status}"


# -- memory ----------------------------------------------------------------------------------------------------------

FLAT: Final = ("large-1", (50, 51, *(52,) * 8))
FLAT_STILL: Final = ("large-2", (52, 53, *(55,) * 8))


@pytest.mark.parametrize(
    ("outcome", "small", "large"),
    [
        ("PASS", FLAT, FLAT_STILL),
        ("FAIL", ("large-1", (50, 50, 60, *(67,) * 7)), ("large-2", (67, 67, 150, *(230,) * 7))),
        # less than half of the larger one: a heap of a fixed size
        ("INCONCLUSIVE", ("large-1", (50, 50, 60, *(67,) * 7)), ("large-2", (67, 67, 120, *(160,) * 7))),
        # half of the larger one, and nothing of the smaller
        ("INCONCLUSIVE", FLAT, ("large-2", (52, 52, 150, *(230,) * 7))),
        # it was there, though it was given back while nobody read
        ("FAIL", ("large-1", (50, 50, 84, *(50,) * 7)), ("large-2", (50, 50, 390, *(50,) * 7))),
    ],
)
def test_memory_that_grows_with_both_backlogs_holds_them(
    rule_on: RuleOn, outcome: str, small: tuple[str, tuple[int, ...]], large: tuple[str, tuple[int, ...]]
) -> None:
    assert rule_on("BP-06", remembered(small, large)).outcome == outcome


@pytest.mark.parametrize(("outcome", "busy"), [("PASS", 0), ("PASS", 20), ("INCONCLUSIVE", 60)])
def test_a_process_that_never_rested_may_still_have_been_filling(rule_on: RuleOn, outcome: str, busy: int) -> None:
    assert rule_on("BP-06", remembered(FLAT, FLAT_STILL, busy=busy)).outcome == outcome


@pytest.mark.parametrize(
    ("makes", "large", "outcome"),
    [
        (0, FLAT_STILL, "PASS"),
        (100, FLAT_STILL, "INCONCLUSIVE"),
        (0, ("large-2", (52, 53, 55, 57, 59, 61, 63, 65, 67, 69)), "INCONCLUSIVE"),
    ],
)
def test_who_makes_or_holds_more_and_more_has_not_rested_whatever_processor_time_it_got(
    rule_on: RuleOn, makes: int, large: tuple[str, tuple[int, ...]], outcome: str
) -> None:
    history = remembered(FLAT, large, told_too=makes > 0, makes=makes)
    assert rule_on("BP-06", history).outcome == outcome


def test_what_comes_slowly_after_the_stall_shows_no_pressure(rule_on: RuleOn) -> None:
    history = remembered(FLAT, FLAT_STILL)
    resumed = next(r.t_ns for r in history.of(Did, "large-2") if r.event == Did("resume"))
    slow = (replace(r, t_ns=max(r.t_ns, resumed + 100 * (r.t_ns - resumed))) for r in history.records)
    assert rule_on("BP-06", History(history.header, tuple(slow))).outcome == "INCONCLUSIVE"


def test_memory_without_a_figure_from_before_shows_nothing(rule_on: RuleOn) -> None:
    history = remembered(FLAT, FLAT_STILL)
    first = {next(r.index for r in history.of(Told, s)) for s in history.sessions("large")}
    untold = tuple(replace(r, event=Told(0, {})) if r.index in first else r for r in history.records)
    verdict = rule_on("BP-06", History(history.header, untold))
    assert verdict.reason == "too little was seen of its memory while nobody read"


@pytest.mark.parametrize("end", [EOF, RESET])
def test_a_client_that_is_dropped_is_not_remembered(rule_on: RuleOn, end: Event) -> None:
    history = remembered(FLAT, FLAT_STILL, after=(end,))
    assert rule_on("BP-06", history).outcome == "INCONCLUSIVE"


def test_memory_is_the_second_sensor_of_one_finding() -> None:
    """What the target itself tells comes first, and a failure without its words is one all the same."""
    swells = (("large-1", (50, 50, 70, *(84,) * 7)), ("large-2", (84, 90, 200, *(390,) * 7)))
    history = remembered(*swells)
    assert [v.outcome for v in judge(history, [BP_06], ["BP-06"])] == ["FAIL"]

    def all_produced(event: Event) -> Event:
        return Told(event.asked_ns, {**event.values, "produced": 4_990}) if isinstance(event, Told) else event

    large = {r.index for r in history.of(Told, "large-2")}
    both = tuple(replace(r, event=all_produced(r.event)) if r.index in large else r for r in history.records)
    small = {r.index for r in history.of(Told, "large-1")}
    both = tuple(
        replace(r, event=Told(r.event.asked_ns, {**r.event.values, "produced": 60}))
        if r.index in small and isinstance(r.event, Told)
        else r
        for r in both
    )
    verdicts = {v.rule: v for v in judge(History(history.header, both), [BP_05, BP_06], ["BP-05", "BP-06"])}
    assert verdicts["BP-05"].outcome == "FAIL"
    assert (verdicts["BP-06"].outcome, verdicts["BP-06"].reason) == ("INCONCLUSIVE", "follows from BP-05")
