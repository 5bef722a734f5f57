"""What one stream counts as, and its times: from when it was due, and only if it was a good one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamspec.harness.core.event import (
    Called,
    Closed,
    Completed,
    Deviation,
    Ended,
    Event,
    Expired,
    Failed,
    Lagged,
    Raised,
    Refused,
    Returned,
)
from streamspec.harness.core.judge import judge
from streamspec.harness.core.load import Load, Seen
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, head, item, told, written
from streamspec.harness.load.metrics import seen
from streamspec.harness.load.tally import words_of
from streamspec.harness.rules.ordering import OI_03
from streamspec.scenarios.load.endless import ENDLESS, SOME
from streamspec.scenarios.load.finite import FINITE
from streamspec.scenarios.load.objects import ENDLESS as OBJECT_ENDLESS
from streamspec.scenarios.load.objects import ITEMS, WHOLE

LATE_NS = 5_000_000
OURS = (5_000, 5_000, 5_000)  # all of them were begun so late
GOOD = (ASK, head(), item(0), item(1), Completed(), ENDED)


def shown(*events: Event, load: Load = FINITE, step_ms: float = 1.0) -> Seen:
    history = written(*told(f"{load.role}-1", *events, step_ms=step_ms))
    return seen(history, judge(history, (OI_03,), ()), load, LATE_NS)


def test_times_count_from_when_the_stream_was_due() -> None:
    assert shown(*GOOD, *CLOSE) == Seen("", 2, 6_000, 7_000, (1_000,), 9_000, OURS, (0,))


def test_what_our_loop_stood_still_is_ours_in_every_time_that_it_touches() -> None:
    rows = told("finite-1", *GOOD, step_ms=100.0)
    # The head came at 100 ms, the items at 200 and 300; our loop stood still from 160 to 240 ms.
    history = written(*rows[:3], ("", 240.0, Lagged(80.0)), *rows[3:])
    found = seen(history, (), FINITE, 0)
    assert (found.ours_us, found.gaps_us, found.gaps_ours_us) == ((0, 40_000, 80_000), (100_000,), (40_000,))


def test_without_a_terminal_the_whole_is_its_message() -> None:
    assert shown(ASK, head(), item(0), ENDED, *CLOSE) == Seen("", 1, 6_000, 7_000, (), 8_000, OURS)


def test_a_stream_without_items_has_no_first_one() -> None:
    assert shown(ASK, head(), Completed(), ENDED) == Seen("", 0, 6_000, None, (), 7_000, (5_000, 0, 5_000))


@pytest.mark.parametrize(
    ("events", "kind", "items"),
    [
        ((ASK, Refused("refused")), "not answered: refused", 0),
        ((ASK, Expired("head_ms", 10.0)), "not within head_ms", 0),
        ((ASK,), "not answered", 0),
        ((ASK, head(status=503), ENDED, EOF), "answered 503", 0),
        ((ASK, head(status=204), ENDED, EOF), "answered 204", 0),
        ((ASK, head(), item(0), Failed("LATE"), ENDED, EOF), "ended with an error", 1),
        ((ASK, head(), item(0), RESET), "reset", 1),
        ((ASK, head(), item(0), EOF), "cut", 1),
        ((ASK, head(), item(0), Expired("finite_ms", 30.0), *CLOSE), "not within finite_ms", 1),
        ((ASK, head(), item(0), *CLOSE), "not seen whole", 1),
        ((ASK, head(), item(0), item(1, 1), ENDED, EOF), "broke OI-03", 2),
    ],
)
def test_what_was_no_good_stream_has_a_kind_and_no_times(events: tuple[Event, ...], kind: str, items: int) -> None:
    assert shown(*events) == Seen(kind, items)


def test_a_reset_after_the_end_of_the_message_is_none() -> None:
    assert shown(*GOOD, RESET).kind == ""


def test_of_an_endless_stream_the_items_that_were_asked_for_count_and_no_whole() -> None:
    items = tuple(item(n) for n in range(SOME + 2))
    found = shown(ASK, head(), *items, *CANCEL, load=ENDLESS)
    assert (found.kind, found.items, len(found.gaps_us), found.whole_us) == ("", SOME + 2, SOME - 1, None)


def test_an_endless_stream_that_ends_is_no_good_one() -> None:
    assert shown(ASK, head(), item(0), ENDED, EOF, load=ENDLESS).kind == "ended too soon"
    assert shown(ASK, head(), item(0), Expired("item_ms", 5.0), load=ENDLESS).kind == "not within item_ms"


def test_our_own_crashed_check_is_named_as_ours() -> None:
    def crash(_: object) -> tuple[()]:
        raise ZeroDivisionError

    history = written(*told("finite-1", *GOOD))
    verdicts = judge(history, (replace(OI_03, check=crash),), ())
    assert seen(history, verdicts, FINITE, 0).kind == "our check of OI-03"


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ((Called(0, "receive", "consumer"), item(0), Returned(0, "1"), Completed()), ""),
        ((Called(0, "receive", "consumer"), item(0), Expired("finite_ms", 1.0)), "not within finite_ms"),
        ((Called(0, "receive", "consumer"), item(0), Returned(0, "1")), "not seen whole"),
        ((Failed("INTERNAL"),), "ended with an error"),
        ((Called(0, "send", "producer"), Raised(0, "CANCELLED")), "an operation was refused"),
    ],
)
def test_a_stream_object_is_good_when_it_completed(events: tuple[Event, ...], kind: str) -> None:
    assert shown(*events, load=WHOLE).kind == kind


def test_an_object_that_cannot_complete_is_good_when_all_items_came() -> None:
    items = tuple(item(n) for n in range(ITEMS))
    assert shown(*items, load=OBJECT_ENDLESS).kind == ""
    assert shown(*items[1:], load=OBJECT_ENDLESS).kind == "not seen whole"


def test_what_each_rule_said_of_a_stream() -> None:
    rules = ("OI-03", "LC-01")
    good, bad = written(*told("finite-1", *GOOD)), written(*told("finite-1", ASK, head(), item(0), item(1, 1), EOF))
    assert words_of(judge(good, (OI_03,), ()), rules) == [("OI-03", "held"), ("LC-01", "unknown")]
    assert words_of(judge(bad, (OI_03,), ()), rules) == [("OI-03", "broken"), ("LC-01", "unknown")]


def test_the_closing_of_a_connection_alone_says_nothing() -> None:
    assert shown(ASK, head(), item(0), Deviation("body.excess", 9), Ended("length", 9), Closed("eof")).kind == ""
