"""CN-21 at its edges: three pairs, and an end counts only when it happens to every one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Closed, Completed, Did, Event, Expired, Failed, Heartbeat
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, Row, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
WATCHED = Expired("sibling_ms", 60)
SETTLED = Expired("aftermath_ms", 100)
SILENT = Expired("item_ms", 5000)
LIVES = (item(1), WATCHED, SETTLED, item(2), *CLOSE)
OPEN = (ASK, head(), item(0))
STAY = (*OPEN, item(1))
LEAVE = (*OPEN, *CANCEL)


def pair(n: int, after: tuple[Event, ...], before: tuple[Event, ...], leave: tuple[Event, ...]) -> tuple[Row, ...]:
    start = 10_000.0 * n
    return (
        *told(f"endless-stays-{n}", *before, start_ms=start),
        *told(f"endless-leaves-{n}", *leave, start_ms=start + 10),
        *told(f"endless-stays-{n}", *after, start_ms=start + 20),
    )


def pairs(*after: tuple[Event, ...], before: tuple[Event, ...] = STAY, leave: tuple[Event, ...] = LEAVE) -> History:
    return written(*(row for n, events in enumerate(after, 1) for row in pair(n, events, before, leave)))


@pytest.mark.parametrize("end", [(EOF,), (RESET,), (ENDED, EOF), (Failed("X"), *CLOSE), (Completed(), *CLOSE)])
def test_a_sibling_that_ends_every_time_was_hurt(rule_on: RuleOn, end: tuple[Event, ...]) -> None:
    assert rule_on("CN-21", pairs(end, end, end)).outcome == "FAIL"
    assert rule_on("CN-21", pairs((item(2), *end), end, (item(1), *end))).outcome == "FAIL"


@pytest.mark.parametrize("end", [(EOF,), (ENDED, EOF)])
def test_an_end_some_time_after_the_leaving_is_not_its_doing(rule_on: RuleOn, end: tuple[Event, ...]) -> None:
    late = (item(1), WATCHED, *end)
    assert rule_on("CN-21", pairs(late, late, late)).outcome == "INCONCLUSIVE"
    assert rule_on("CN-21", pairs(late, end, end)).outcome == "INCONCLUSIVE"


def test_an_item_right_after_the_leaving_is_no_pass_yet(rule_on: RuleOn) -> None:
    early = (item(1), WATCHED, item(2), *CLOSE)
    assert rule_on("CN-21", pairs(early, early, early)).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("outcome", "after"),
    [
        ("PASS", (LIVES, LIVES, LIVES)),
        ("INCONCLUSIVE", ((EOF,), LIVES, LIVES)),
        ("INCONCLUSIVE", ((EOF,), (EOF,), LIVES)),
        ("INCONCLUSIVE", ((EOF,), (EOF,))),
        ("INCONCLUSIVE", (CLOSE, CLOSE, CLOSE)),
        ("INCONCLUSIVE", ((item(1), *CLOSE),) * 3),
        ("INCONCLUSIVE", ((WATCHED, *CLOSE),) * 3),
        ("INCONCLUSIVE", ((WATCHED, SILENT, *CLOSE),) * 3),  # silence accuses nobody
        ("INCONCLUSIVE", ((WATCHED, SILENT, *CLOSE), (EOF,), (RESET,))),
    ],
)
def test_one_end_may_have_any_cause(rule_on: RuleOn, outcome: str, after: tuple[tuple[Event, ...], ...]) -> None:
    assert rule_on("CN-21", pairs(*after)).outcome == outcome


@pytest.mark.parametrize("end", [(EOF,), (RESET,), (WATCHED, SILENT, *CLOSE)])
def test_without_items_before_the_cancel_there_is_no_control(rule_on: RuleOn, end: tuple[Event, ...]) -> None:
    assert rule_on("CN-21", pairs(end, end, end, before=(ASK, head()))).outcome == "INCONCLUSIVE"
    assert rule_on("CN-21", pairs(end, end, end, leave=(ASK, head(), *CANCEL))).outcome == "INCONCLUSIVE"


def test_an_end_before_the_cancel_is_not_its_doing(rule_on: RuleOn) -> None:
    over = (*OPEN, ENDED, EOF)
    assert rule_on("CN-21", pairs((), (), (), before=over)).outcome == "INCONCLUSIVE"


def test_a_neighbour_that_never_left_hurts_nobody(rule_on: RuleOn) -> None:
    assert rule_on("CN-21", pairs((EOF,), (EOF,), (EOF,), leave=(*OPEN, *CLOSE))).outcome == "INCONCLUSIVE"


def test_an_orderly_leave_is_a_cancel_too(rule_on: RuleOn) -> None:
    leave = (*OPEN, Did("cancel:fin"), Closed("ours"))
    assert rule_on("CN-21", pairs((EOF,), (EOF,), (EOF,), leave=leave)).outcome == "FAIL"


def test_rare_items_are_no_silence(rule_on: RuleOn) -> None:
    """Only a stream whose items came often before the cancel can fall silent after it."""
    silence = (WATCHED, SILENT, *CLOSE)
    once = (*told("endless-stays-1", *OPEN), ("endless-stays-1", 2500.0, item(1)))
    assert rule_on("CN-21", pairs(silence, silence, silence, before=OPEN)).outcome == "INCONCLUSIVE"
    slow = written(
        *(
            row
            for n in (1, 2, 3)
            for row in (
                *((f"endless-stays-{n}", t_ms, event) for _, t_ms, event in once),
                *told(f"endless-leaves-{n}", *LEAVE, start_ms=2600),
                *told(f"endless-stays-{n}", *silence, start_ms=7700),
            )
        )
    )
    assert rule_on("CN-21", slow).outcome == "INCONCLUSIVE"


def test_a_heart_that_beats_on_is_no_silence(rule_on: RuleOn) -> None:
    """Items may be rare by nature: nothing declares how often an endless stream sends, but a heartbeat shows that it
    lives."""
    beats = (Heartbeat(40), WATCHED, Heartbeat(50), SILENT, *CLOSE)
    assert rule_on("CN-21", pairs(beats, beats, beats)).outcome != "FAIL"
