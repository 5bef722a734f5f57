"""Histories written by hand are histories like any other."""

from __future__ import annotations

from streamspec.harness.core.event import Did
from streamspec.harness.core.history import from_lines, to_lines
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, head, item, told, written


def test_indices_are_contiguous_and_times_are_in_milliseconds() -> None:
    history = written(*told("look", ASK, head(), start_ms=5, step_ms=2), ("finite-2", 1.5, EOF))
    assert [(r.index, r.t_ns, r.session) for r in history.records] == [
        (0, 5_000_000, "look"),
        (1, 7_000_000, "look"),
        (2, 1_500_000, "finite-2"),
    ]


def test_a_session_plays_the_role_of_its_name_and_every_role_has_a_request() -> None:
    history = written(*told("look-again-1", ASK), *told("finite-2", ASK), method="POST")
    assert [history.role(s) for s in history.sessions()] == ["look", "finite"]
    assert {role: r.method for role, r in history.header.requests.items()} == {"look": "POST", "finite": "POST"}


def test_an_item_counts_from_one_unless_told_otherwise() -> None:
    assert [item(0).seq, item(4).seq, item(0, 0).seq, item(2, 9).seq] == [1, 5, 0, 9]
    assert len({item(n).sha for n in range(50)}) == 50


def test_a_head_is_an_event_streams_unless_told_otherwise() -> None:
    assert head().essence == "text/event-stream"
    assert head(("X", "y"), status=404).headers == (("X", "y"),)


def test_our_own_ends_say_who_ended() -> None:
    assert [event.act for pair in (CLOSE, CANCEL) for event in pair if isinstance(event, Did)] == [
        "close",
        "cancel:rst",
    ]


def test_it_goes_to_a_file_and_back() -> None:
    history = written(*told("finite", ASK, head(), item(0), ENDED, EOF), declared={"finite.items": 1})
    assert from_lines(to_lines(history), "x") == history
