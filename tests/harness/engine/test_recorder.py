"""The recorder: stamps in order, bounds by session and kind, and says what it dropped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Elided,
    Event,
    Heartbeat,
    Item,
    Lagged,
)
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.written import item, written
from streamspec.harness.engine.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.history import History

HEADER = written().header
THREE = replace(LIMITS, records_of_a_kind=3)


def recorded(work: Callable[[Recorder], None]) -> History:
    """What a recorder that keeps three of a kind seals after this work; it takes its time from a running loop."""

    async def run() -> History:
        recorder = Recorder(THREE)
        work(recorder)
        return recorder.seal(HEADER)

    return asyncio.run(run())


def all_of(*events: Event, session: str = "look") -> Callable[[Recorder], None]:
    def work(recorder: Recorder) -> None:
        for event in events:
            recorder.add(session, event)

    return work


def shapes(history: History) -> list[str]:
    return [type(record.event).__name__ for record in history.records]


def test_records_keep_the_order_in_which_they_were_seen() -> None:
    history = recorded(all_of(Did("ask"), item(0), Completed(), Closed("eof")))
    assert shapes(history) == ["Did", "Item", "Completed", "Closed"]
    assert [r.index for r in history.records] == [0, 1, 2, 3]
    times = [r.t_ns for r in history.records]
    assert times == sorted(times)
    assert times[0] >= 0
    assert {r.seen_by for r in history.records} == {"driver"}
    assert history.header is HEADER


def test_who_saw_it_is_written_down() -> None:
    history = recorded(lambda recorder: recorder.add("", Lagged(30.0), "harness"))
    assert [(r.session, r.seen_by) for r in history.records] == [("", "harness")]


def test_beyond_the_limit_a_kind_is_counted_and_not_kept() -> None:
    history = recorded(all_of(*(item(n) for n in range(5)), Completed()))
    assert shapes(history) == ["Item", "Item", "Item", "Completed", "Elided"]
    last = history.records[-1]
    assert last.event == Elided("Item", 2, item(3).size + item(4).size)
    assert (last.session, last.seen_by) == ("look", "harness")
    assert [r.index for r in history.records] == list(range(5))


def test_exactly_at_the_limit_nothing_is_dropped() -> None:
    assert shapes(recorded(all_of(item(0), item(1), item(2)))) == ["Item"] * 3


def test_each_session_has_its_own_limit() -> None:
    def work(recorder: Recorder) -> None:
        for session in ("a", "b"):
            all_of(*(Heartbeat(n) for n in range(4)), session=session)(recorder)

    history = recorded(work)
    assert [(r.session, r.event) for r in history.of(Elided)] == [
        ("a", Elided("Heartbeat", 1)),
        ("b", Elided("Heartbeat", 1)),
    ]


def test_deviations_are_bounded_by_their_code_so_that_none_hides_another() -> None:
    flood = [Deviation("sse.field", n) for n in range(9)]
    history = recorded(all_of(*flood, Deviation("sse.utf8", 9)))
    assert [r.event.code for r in history.of(Deviation) if isinstance(r.event, Deviation)] == [
        *("sse.field", "sse.field", "sse.field", "sse.utf8"),
    ]
    assert history.records[-1].event == Elided("sse.field", 6)


def test_sealing_is_a_look_and_changes_nothing() -> None:
    sealed: list[History] = []

    def work(recorder: Recorder) -> None:
        all_of(*(item(n) for n in range(4)))(recorder)
        sealed.append(recorder.seal(HEADER))
        recorder.add("look", item(4))
        recorder.add("look", Completed())

    history = recorded(work)
    assert shapes(sealed[0]) == ["Item", "Item", "Item", "Elided"]
    assert shapes(history) == ["Item", "Item", "Item", "Completed", "Elided"]
    assert history.records[-1].event == Elided("Item", 2, item(3).size + item(4).size)


EVENT = st.sampled_from([item(0), Heartbeat(), Did("ask"), Deviation("sse.field", 0), Deviation("sse.bom", 0)])


@given(st.lists(st.tuples(st.sampled_from("ab"), EVENT), max_size=40))
def test_what_was_seen_is_kept_or_counted(seen: list[tuple[str, Event]]) -> None:
    def work(recorder: Recorder) -> None:
        for session, event in seen:
            recorder.add(session, event)

    history = recorded(work)
    assert [r.index for r in history.records] == list(range(len(history.records)))
    dropped = sum(r.event.n for r in history.of(Elided) if isinstance(r.event, Elided))
    assert len(history.records) - len(history.of(Elided)) + dropped == len(seen)
    sizes = sum(event.size for _, event in seen if isinstance(event, Item))
    kept = sum(r.event.size for r in history.of(Item) if isinstance(r.event, Item))
    elided = sum(r.event.bytes for r in history.of(Elided) if isinstance(r.event, Elided))
    assert kept + elided == sizes


def test_a_recorder_without_events_seals_an_empty_history() -> None:
    assert recorded(lambda _: None).records == ()
