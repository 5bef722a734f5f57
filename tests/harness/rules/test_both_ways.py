"""Streams that go both ways, and streams that share a connection: what the rules about them make of doubtful cases.

Their plain good and bad histories they carry themselves (`test_proofs`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Did,
    Expired,
    Failed,
    Farewell,
    Item,
    Lagged,
    Meta,
    Record,
    Said,
)
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.script import Ask, Say
from streamspec.harness.core.steps import Collect, Complete, Drain, Echo, Gate, Generate, Receive
from streamspec.harness.core.written import CLOSE, EOF, item
from streamspec.harness.rules._both_ways import (
    CANCELS,
    FINISH,
    SAY,
    TCP_OPEN,
    TERMINAL,
    WS_OPEN,
    Spoken,
    failed,
    opening,
    spoken,
    sum_item,
)
from streamspec.harness.rules._connections import connection, others_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.judge import Verdict

    RuleOn = Callable[[str, History], Verdict]

SAID: Final = (SAY, Said(2, 14))
MIB: Final = 1_048_576


# -- rounds ------------------------------------------------------------------------------------------------------------


def replied(n: int, *, late: bool) -> Spoken:
    """A ping that was answered in time, or only behind the next one."""
    wait = (5_000, Expired("item_ms", 5_000))
    seen = (SAY, Said(1, 7), *wait, SAY, Said(2, 14), item(0), item(1)) if late else ()
    good = (SAY, Said(1, 7), item(0), SAY, Said(2, 14), item(1))
    return Spoken(
        f"script-ping-{n}", (*opening(), *(seen or good), FINISH, *TERMINAL), (Echo(),), "bidi", start_ms=9e3 * n
    )


@pytest.mark.parametrize(
    ("lates", "outcome"),
    [
        ((False, False, False), Outcome.PASS),
        ((True, True, True), Outcome.FAIL),
        ((True, True, False), Outcome.INCONCLUSIVE),
        ((True, True), Outcome.INCONCLUSIVE),
    ],
)
def test_what_rests_on_a_wait_counts_three_times_out_of_three(
    rule_on: RuleOn, lates: tuple[bool, ...], outcome: Outcome
) -> None:
    history = spoken(*(replied(n, late=late) for n, late in enumerate(lates, 1)))
    assert rule_on("DR-03", history).outcome is outcome


def test_what_is_wrong_without_a_wait_counts_at_once(rule_on: RuleOn) -> None:
    seen = (*opening(), *SAID, FINISH, sum_item(3, 14), *TERMINAL, *CLOSE)
    history = spoken(Spoken("script-collect-1", seen, (Collect(),), "client", (Ask(), Say(2))))
    assert rule_on("DR-02", history).outcome is Outcome.FAIL


# -- what was said -----------------------------------------------------------------------------------------------------


def test_an_upload_that_we_could_not_say_is_held_against_nobody(rule_on: RuleOn) -> None:
    seen = (*opening(), SAY, Said(1, 7), Expired("say_ms", 10_000), FINISH, sum_item(1, 7), *TERMINAL, *CLOSE)
    history = spoken(Spoken("script-collect-1", seen, (Collect(),), "client", (Ask(), Say(2))))
    assert rule_on("DR-02", history).outcome is Outcome.INCONCLUSIVE


def test_an_answer_that_a_reader_of_numbers_takes_for_the_same_is_the_same(rule_on: RuleOn) -> None:
    answer = Item(0, 24, "s", '{"bytes":14, "count":2.0}', 0)
    seen = (*opening(), *SAID, FINISH, replace(answer, size=len(answer.prefix)), *TERMINAL, *CLOSE)
    history = spoken(Spoken("script-collect-1", seen, (Collect(),), "client", (Ask(), Say(2))))
    assert rule_on("DR-02", history).outcome is Outcome.PASS


def pushed(small_mib: int, large_mib: int, *, on: bool = True) -> History:
    """Of 4 MiB and of 80 MiB so much was handed over before the gate."""

    def upload(kind: str, offered: int, handed_mib: int, start_ms: float) -> Spoken:
        handed = handed_mib * 16
        stood = () if handed == offered else (500, Expired("steady_ms", 500))
        more = (SAY, Said(handed + 1, (handed + 1) * 65_536)) if on else ()
        seen = (*opening(), SAY, Said(handed, handed * 65_536), *stood, Did("open:go"), *more, *CLOSE)
        acts = (Ask(), Say(offered, 65_536))
        return Spoken(f"script-backlog-{kind}", seen, (Gate("go"), Collect()), "client", acts, start_ms)

    return spoken(upload("small", 64, small_mib, 1), upload("large", 1_280, large_mib, 9_000))


@pytest.mark.parametrize(
    ("small_mib", "large_mib", "outcome"),
    [
        (4, 5, Outcome.PASS),
        (4, 68, Outcome.PASS),
        (4, 69, Outcome.FAIL),
        (4, 80, Outcome.FAIL),
        (1, 66, Outcome.FAIL),
    ],
)
def test_64_mib_more_of_what_nobody_reads_are_no_buffer(
    rule_on: RuleOn, small_mib: int, large_mib: int, outcome: Outcome
) -> None:
    assert rule_on("BP-15", pushed(small_mib, large_mib)).outcome is outcome


def test_who_never_takes_more_is_not_praised_for_taking_no_more(rule_on: RuleOn) -> None:
    assert rule_on("BP-15", pushed(4, 5, on=False)).outcome is Outcome.INCONCLUSIVE


# -- connections that are shared ---------------------------------------------------------------------------------------


def test_streams_share_the_connection_of_whom_they_were_opened_on() -> None:
    history = spoken(
        Spoken("endless-a", opening()),
        Spoken("endless-b", opening(), acts=(Ask(on="endless-a"),)),
        Spoken("endless-c", opening(), acts=(Ask(on="endless-b"),)),
        Spoken("endless-d", opening()),
    )
    assert [connection(history, s) for s in history.sessions()] == ["endless-a"] * 3 + ["endless-d"]
    assert others_on(history, "endless-b") == ("endless-a", "endless-c")
    assert others_on(history, "endless-d") == ()


def ticker(gap_ms: float, quiet_ms: float, n: int) -> tuple[Spoken, Spoken]:
    """A stream that ticks, is cancelled, and is then silent for so long as we look."""
    ticks = [entry for k in range(6) for entry in (gap_ms - 1, item(k))]
    start = 60e3 * n
    quiet = (quiet_ms, Expired("steady_ms", quiet_ms))
    at = 2 + 6 * gap_ms
    return (
        Spoken(f"endless-word-{n}", (*opening(), *ticks, CANCELS, *quiet, *CLOSE), start_ms=start),
        Spoken(
            f"endless-behind-{n}", (*opening(), item(0)), acts=(Ask(on=f"endless-word-{n}"),), start_ms=start + at + 20
        ),
    )


@pytest.mark.parametrize(
    ("gap_ms", "quiet_ms", "outcome"),
    [
        (10, 500, Outcome.PASS),
        (150, 500, Outcome.PASS),
        (300, 500, Outcome.INCONCLUSIVE),
        (10, 200, Outcome.INCONCLUSIVE),
    ],
)
def test_a_slow_ticker_that_is_silent_for_a_moment_has_not_fallen_silent(
    rule_on: RuleOn, gap_ms: float, quiet_ms: float, outcome: Outcome
) -> None:
    history = spoken(*(one for n in (1, 2, 3) for one in ticker(gap_ms, quiet_ms, n)))
    assert rule_on("CN-08", history).outcome is outcome


def test_silence_while_we_stood_still_ourselves_shows_nothing(rule_on: RuleOn) -> None:
    history = spoken(*(one for n in (1, 2, 3) for one in ticker(10, 500, n)))
    waits = [r for r in history.records if isinstance(r.event, Expired)]
    lags = tuple(
        Record(len(history.records) + k, wait.t_ns - 10, "", "harness", Lagged(400)) for k, wait in enumerate(waits)
    )
    assert rule_on("CN-08", History(history.header, (*history.records, *lags))).outcome is Outcome.INCONCLUSIVE


def siblings(*numbers: int, before: tuple[int, ...] = (1, 2, 3), lossy: bool = False) -> History:
    """A stream whose neighbour is cancelled, and the numbers of its items before and behind that."""
    items = tuple(item(k, number) for k, number in enumerate((*before, *numbers)))
    ahead, behind = items[: len(before)], items[len(before) :]
    return spoken(
        Spoken("endless-stays-1", (*opening(), *ahead, 20, *behind, *CLOSE)),
        Spoken("endless-leaves-1", (*opening(), CANCELS, *CLOSE), acts=(Ask(on="endless-stays-1"),), start_ms=8),
        declared={"declares.lossy": "skipped"} if lossy else {},
    )


@pytest.mark.parametrize(
    ("history", "outcome"),
    [
        (siblings(4, 5, 6, 7, 8), Outcome.PASS),
        (siblings(4, 5, 7, 8, 9), Outcome.FAIL),
        (siblings(4, 5, 5, 6, 7), Outcome.FAIL),
        # it leaves items out, and says so; it counts for all its streams together
        (siblings(4, 5, 7, 8, 9, lossy=True), Outcome.PASS),
        (siblings(11, 12, 17, 18, 20, before=(3, 5, 9)), Outcome.PASS),
        (siblings(4, 5), Outcome.INCONCLUSIVE),
    ],
)
def test_a_gap_is_one_where_items_were_counted_one_by_one(rule_on: RuleOn, history: History, outcome: Outcome) -> None:
    assert rule_on("CN-14", history).outcome is outcome


def crowd(*seen: tuple[object, ...], declared: int = 2) -> History:
    streams = (
        Spoken(
            f"script-crowd-{n}",
            (Did("ask"), WS_OPEN, *events),  # type: ignore[arg-type]  # events
            (Generate(1), Gate("shut")),
            acts=(Ask(on="script-crowd-1" if n > 1 else ""),),
        )
        for n, events in enumerate(seen, 1)
    )
    return spoken(*streams, declared={"declares.max_streams": declared})


def test_fewer_streams_than_are_allowed_show_nothing_of_the_limit(rule_on: RuleOn) -> None:
    served = (item(0),)
    assert rule_on("MX-08", crowd(served, served, served, declared=3)).outcome is Outcome.INCONCLUSIVE
    assert rule_on("MX-08", crowd(served, served, served)).outcome is Outcome.WARN


def test_one_that_was_refused_and_one_that_was_served_in_its_place_are_no_more_than_allowed(rule_on: RuleOn) -> None:
    served, ended = (item(0),), (item(0), *TERMINAL)
    assert rule_on("MX-08", crowd(ended, served, served, failed())).outcome is Outcome.PASS


# -- nothing crashes ---------------------------------------------------------------------------------------------------

KINDS: Final = (
    *("collect", "ping", "first", "outlive", "nothing", "early", "deaf", "mute", "stuck", "none", "two", "many"),
    *("backlog", "breaks", "whole", "gated-word", "finished", "lane", "crowd", "turns", "flows", "stalls"),
)
ENDLESS: Final = ("word", "behind", "at-once", "host", "then", "stays", "leaves", "alone", "held", "again", "twice")
NAMES: Final = (
    *(f"script-{kind}-{n}" for kind in KINDS for n in (1, 2, 3)),
    *(f"endless-{kind}-{n}" for kind in ENDLESS for n in (1, 2, 3)),
    *(f"finite-done-{n}" for n in (1, 2, 3)),
)
FIGURES: Final = ("received", "receiving", "cancel_seen", "sending", "produced", "sent", "ended", "rss_bytes", "input")
ACTS: Final = (
    *("say", "finish", "cancel:word", "cancel:rst", "cancel:fin", "close", "stall", "resume", "open:go", "ping"),
    *("write:ws-unknown-id", "write:tcp-unknown-id", "ask", "ask:script", "enough"),
)
SEEN: Final = st.one_of(
    st.builds(Did, st.sampled_from(ACTS)),
    st.builds(item, st.integers(0, 9), st.integers(-1, 9)),
    st.builds(Item, st.integers(0, 9), st.integers(0, 9), st.text(max_size=3), st.text(max_size=9), st.integers(0, 9)),
    st.builds(sum_item, st.integers(0, 3), st.integers(0, 30)),
    st.builds(Said, st.integers(0, 1_500), st.integers(0, 99 * MIB)),
    st.builds(Expired, st.sampled_from(("item_ms", "steady_ms", "say_ms", "look_ms")), st.floats(0, 1e5)),
    st.builds(Failed, st.sampled_from(("CANCELLED", "", "INTERNAL"))),
    st.sampled_from((Completed(), *TERMINAL, EOF, Closed("reset"), Farewell(1000), Meta("error"), WS_OPEN, TCP_OPEN)),
    st.floats(0, 9_000),
    st.dictionaries(st.sampled_from(FIGURES), st.one_of(st.integers(-1, 99), st.sampled_from(("ended", "broken")))),
)
STEPS: Final = st.lists(
    st.sampled_from((Collect(), Echo(), Receive(1), Drain(), Gate("go"), Generate(3), Generate(), Complete())),
    max_size=3,
).map(tuple)
ASKS: Final = st.builds(
    Ask,
    on=st.sampled_from(("", *NAMES)),
    same=st.sampled_from(("", "", *NAMES)),
    cancelled=st.booleans(),
    twice=st.booleans(),
)
SPOKEN: Final = st.builds(
    lambda name, seen, steps, direction, ask, says, limit: Spoken(
        name,
        (Did("ask"), *seen),
        steps or (Gate("go"),),
        direction,
        (ask, *says),
        options={"deadline_ms": limit} if limit else {},
    ),
    st.sampled_from(NAMES),
    st.lists(SEEN, max_size=14).map(tuple),
    STEPS,
    st.sampled_from(("server", "client", "bidi", "unary")),
    ASKS,
    st.lists(st.builds(Say, st.integers(0, 3), st.integers(0, 9)), max_size=2).map(tuple),
    st.sampled_from((0, 100, 2_500)),
)
ANYTHING: Final = st.builds(
    lambda streams, binding, most: spoken(
        *streams,
        binding=binding,
        declared={"profile.terminal": True, "declares.max_streams": most, "witness.sending": True},
    ),
    st.lists(SPOKEN, min_size=1, max_size=6, unique_by=lambda one: one.session),
    st.sampled_from(("ws", "tcp", "grpc")),
    st.integers(0, 3),
)
RULES: Final = all_rules()


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_no_history_of_both_ways_makes_a_check_crash(history: History) -> None:
    verdicts = judge(history, RULES, tuple(rule.id for rule in RULES))
    assert [v.reason for v in verdicts if v.outcome is Outcome.ERROR] == []
    for verdict in verdicts:
        for finding in verdict.findings:
            assert all(0 <= index < len(history.records) for index in finding.evidence)
            assert finding.stance != "broken" or (finding.expected and finding.got)
