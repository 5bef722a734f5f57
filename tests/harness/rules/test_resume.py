"""RC-02, RC-04, RC-05 and RC-11 at their edges: what an id promises, and what nobody can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamspec.harness.core.event import Completed, Elided, Ended, Event, Expired, Failed, Item, Meta, Refused
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Verdict
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, RESET, head, item, told, written

RuleOn = Callable[[str, History], Verdict]
ONCE = "exactly-once"
LEAST = "at-least-once"


def ids(names: str, kind: str = "message") -> tuple[Item, ...]:
    """Items with these letters as ids."""
    return tuple(Item(n, 1, name, name, n, kind, id=name) for n, name in enumerate(names))


def numbered(*numbers: int) -> tuple[Item, ...]:
    """Items that count, with ids that nobody has seen before."""
    return tuple(item(n, number, mark=f"{number}/{n}") for n, number in enumerate(numbers))


def resumed(
    *came: Event,
    whole: tuple[Event, ...] = ids("abcdef"),
    cut: tuple[Event, ...] = ids("abc"),
    guarantee: str = ONCE,
) -> History:
    return written(
        *told("resumable-1", ASK, head(), *whole, *CLOSE),
        *told("resumable-2", ASK, head(), *cut, *CANCEL, start_ms=100),
        *told("resumable-3", ASK, *came, start_ms=200),
        declared={"resumable.guarantee": guarantee, "profile.terminal": True},
        asks={"resumable-3": Ask(after="resumable-2")},
    )


@pytest.mark.parametrize(
    ("once", "least", "names"),
    [
        ("PASS", "PASS", "def"),
        ("PASS", "PASS", "d"),
        ("FAIL", "FAIL", "ef"),
        ("FAIL", "FAIL", "f"),
        ("FAIL", "PASS", "cd"),
        ("FAIL", "PASS", "abcdef"),
        ("FAIL", "FAIL", "abcef"),
        ("FAIL", "INCONCLUSIVE", "abc"),
        ("INCONCLUSIVE", "INCONCLUSIVE", "xyz"),
        ("INCONCLUSIVE", "INCONCLUSIVE", ""),
    ],
)
def test_a_resume_goes_on_right_behind_its_id(rule_on: RuleOn, once: str, least: str, names: str) -> None:
    for guarantee, outcome in ((ONCE, once), (LEAST, least)):
        history = resumed(head(), *ids(names), *CLOSE, guarantee=guarantee)
        assert rule_on("RC-02", history).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "came"),
    [("PASS", (4, 5)), ("FAIL", (5, 6)), ("FAIL", (3, 4)), ("FAIL", (1, 2)), ("INCONCLUSIVE", ())],
)
def test_declared_numbers_tell_where_no_reading_does(rule_on: RuleOn, outcome: str, came: tuple[int, ...]) -> None:
    """A live stream whose ids are new on each connection."""
    history = resumed(head(), *numbered(*came), *CLOSE, whole=numbered(7, 8, 9), cut=numbered(1, 2, 3))
    assert rule_on("RC-02", history).outcome == outcome


def test_numbers_that_do_not_count_by_one_tell_nothing(rule_on: RuleOn) -> None:
    history = resumed(head(), *numbered(50, 60), *CLOSE, whole=numbered(10, 20, 30), cut=numbered(10, 20))
    assert rule_on("RC-02", history).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "came",
    [
        (head(status=412), ENDED, EOF),
        (head(status=204), EOF),
        (Refused("closed"),),
        (head(), Completed(), ENDED, EOF),  # by a stream that had shown nothing behind it
        (head(), ENDED, EOF),
        (head(), RESET),
        (head(), Item(0, 1, "0", "hi", 0, "connected"), *CLOSE),
    ],
)
def test_an_answer_without_items_shows_no_gap(rule_on: RuleOn, came: tuple[Event, ...]) -> None:
    assert rule_on("RC-02", resumed(*came, cut=ids("abcdef"))).outcome == "INCONCLUSIVE"


def test_an_end_ahead_of_what_is_known_to_come_is_a_gap(rule_on: RuleOn) -> None:
    assert rule_on("RC-02", resumed(head(), Completed(), ENDED, EOF)).outcome == "FAIL"
    assert rule_on("RC-02", resumed(head(), ENDED, EOF)).outcome == "INCONCLUSIVE"  # it may want us to come again


@pytest.mark.parametrize(
    ("whole", "cut"),
    [
        (ids("abcdef"), ()),
        (ids("abcdef"), (item(0), item(1))),
        (ids("abcdef"), (*ids("abc"), Elided("Item", 5))),
        (ids("abcabc"), ids("abc")),
        ((), ids("abc")),
    ],
)
def test_without_ids_that_can_be_told_apart_nothing_is_known(
    rule_on: RuleOn, whole: tuple[Event, ...], cut: tuple[Event, ...]
) -> None:
    assert rule_on("RC-02", resumed(head(), *ids("ef"), *CLOSE, whole=whole, cut=cut)).outcome == "INCONCLUSIVE"


def test_heartbeats_with_ids_are_not_sent_again(rule_on: RuleOn) -> None:
    whole = (*ids("abc"), *ids("h", kind="heartbeat"), *ids("def"))
    assert rule_on("RC-02", resumed(head(), *ids("def"), *CLOSE, whole=whole)).outcome == "PASS"
    first: tuple[Event, ...] = (head(), *ids("h", kind="ping"), *ids("d"), *CLOSE)
    assert rule_on("RC-02", resumed(*first, whole=whole)).outcome == "PASS"


def test_only_a_declared_guarantee_is_one(rule_on: RuleOn) -> None:
    assert rule_on("RC-02", resumed(head(), *ids("abc"), *CLOSE, guarantee="perhaps")).outcome == "INCONCLUSIVE"


# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", ids("abc")),
        ("PASS", (Item(0, 1, "0", "hi", 0, "connected"), *ids("abc"), Item(4, 1, "0", "", 9, "ping"))),
        ("WARN", ids("aba")),
        ("WARN", (*ids("ab"), item(2, kind="message"))),
        ("WARN", (item(0), item(1))),
        ("INCONCLUSIVE", ids("a")),
        ("INCONCLUSIVE", ()),
    ],
)
def test_every_event_has_an_id_of_its_own(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("RC-11", written(*told("resumable", ASK, head(), *events, *CLOSE))).outcome == outcome


def test_two_connections_may_give_the_same_ids(rule_on: RuleOn) -> None:
    rows = (row for n in (1, 2) for row in told(f"resumable-{n}", ASK, head(), *ids("abc"), *CLOSE))
    assert rule_on("RC-11", written(*rows)).outcome == "PASS"


# -- an id that nobody knows -------------------------------------------------------------------------------------------


def behind_nonsense(*came: Event, signals: str = "yes", begun: tuple[Event, ...] = ids("abc")) -> History:
    return written(
        *told("resumable-1", ASK, head(), *begun, *CLOSE),
        *told("resumable-2", ASK, *came, start_ms=100),
        declared={"resumable.signals_unknown": signals},
        asks={"resumable-2": Ask(behind="no-such-id")},
    )


@pytest.mark.parametrize(
    ("outcome", "came"),
    [
        *(("PASS", (head(status=n), ENDED, EOF)) for n in (400, 409, 410, 412, 422)),
        *(("INCONCLUSIVE", (head(status=n), ENDED, EOF)) for n in (204, 401, 403, 404, 429, 500)),
        ("PASS", (head(), *ids("r", kind="reset"), *ids("abc"), *CLOSE)),
        ("PASS", (head(), Failed("GONE"), ENDED, EOF)),
        ("PASS", (head(), Meta("gap"), *ids("abc"), *CLOSE)),
        ("WARN", (head(), *ids("abc"), *CLOSE)),
        ("WARN", (head(), *ids("ca"), *CLOSE)),
        ("INCONCLUSIVE", (head(), *ids("xyz"), *CLOSE)),
        ("INCONCLUSIVE", (head(), *CLOSE)),
        ("INCONCLUSIVE", (Refused("closed"),)),
    ],
)
def test_an_unknown_id_is_told_of(rule_on: RuleOn, outcome: str, came: tuple[Event, ...]) -> None:
    assert rule_on("RC-04", behind_nonsense(*came)).outcome == outcome


def test_a_greeting_that_everybody_gets_tells_of_nothing(rule_on: RuleOn) -> None:
    greeted: tuple[Event, ...] = (Meta("start"), *ids("abc"))
    assert rule_on("RC-04", behind_nonsense(head(), *greeted, *CLOSE, begun=greeted)).outcome == "WARN"


@pytest.mark.parametrize("signals", ["no", ""])
def test_only_who_declares_it_signals(rule_on: RuleOn, signals: str) -> None:
    assert rule_on("RC-04", behind_nonsense(head(), *ids("abc"), *CLOSE, signals=signals)).outcome == "INCONCLUSIVE"


# -- behind the end ----------------------------------------------------------------------------------------------------

OVER = (Completed(), ENDED, EOF)
STAYS = (head(), Expired("item_ms", 5000), *CLOSE)


def behind_the_end(*each: tuple[Event, ...], first: tuple[Event, ...] = OVER, terminal: bool = True) -> History:
    rows = (row for n, events in enumerate(each, 2) for row in told(f"resumable-{n}", ASK, *events, start_ms=6000 * n))
    return written(
        *told("resumable-1", ASK, head(), *ids("abc"), *first),
        *rows,
        declared={"profile.terminal": terminal},
        asks={f"resumable-{n}": Ask(after="resumable-1") for n in range(2, len(each) + 2)},
    )


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("PASS", (head(), *OVER)),
        ("PASS", (head(), *ids("abc"), *OVER)),
        ("PASS", (head(), Failed("X"), *CLOSE)),
        ("PASS", (head(), ENDED, EOF)),
        ("PASS", (head(status=204), Ended("none", 0), EOF)),
        ("PASS", (head(status=404), ENDED, EOF)),
        ("FAIL", STAYS),
        ("FAIL", (head(), *ids("abc"), Expired("item_ms", 5000), *CLOSE)),
        ("FAIL", (Expired("head_ms", 10_000), *CLOSE)),
        ("INCONCLUSIVE", (head(), *CLOSE)),
        ("INCONCLUSIVE", (head(), RESET)),
        ("INCONCLUSIVE", (head(status=500), ENDED, EOF)),
        ("INCONCLUSIVE", (Refused("refused"),)),
    ],
)
def test_behind_the_end_is_an_end(rule_on: RuleOn, outcome: str, events: tuple[Event, ...]) -> None:
    assert rule_on("RC-05", behind_the_end(events, events, events)).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "each"),
    [("INCONCLUSIVE", (STAYS, STAYS)), ("PASS", (STAYS, STAYS, (head(), *OVER)))],
)
def test_waiting_counts_three_times_out_of_three(
    rule_on: RuleOn, outcome: str, each: tuple[tuple[Event, ...], ...]
) -> None:
    assert rule_on("RC-05", behind_the_end(*each)).outcome == outcome


@pytest.mark.parametrize("first", [(ENDED, EOF), (EOF,), CLOSE, (Failed("X"), ENDED, EOF)])
def test_what_did_not_complete_may_go_on(rule_on: RuleOn, first: tuple[Event, ...]) -> None:
    """A plain event stream closes when it likes, and its client comes again (HTML §9.2.3)."""
    assert rule_on("RC-05", behind_the_end(STAYS, STAYS, STAYS, first=first)).outcome == "INCONCLUSIVE"
    assert rule_on("RC-05", behind_the_end(STAYS, STAYS, STAYS, terminal=False)).outcome == "INCONCLUSIVE"
