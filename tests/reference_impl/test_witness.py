"""The figures of one run and the book of all, by a clock of our own; and the gates of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl import witness
from streamspec.reference_impl.gates import MOST_GATES, Gates, TooManyGates
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.witness import FIGURES, KEPT_S, Run, Runs, TooManyRuns

if TYPE_CHECKING:
    from streamspec.reference_impl.witness import Figures


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


NEW: Figures = {
    **dict.fromkeys(("called", "sent", "sending", "blocked_ms", "cancel_seen", "sends_after_cancel"), 0),
    **dict.fromkeys(("cleanups", "terminals", "refused", "buffered", "received", "receiving"), 0),
    "state": "ended",
    "input": "ended",
}


def test_what_is_not_known_is_absent() -> None:
    assert Run(Clock()).figures() == NEW


def test_every_figure_that_is_declared_can_be_told() -> None:
    run = Run(Clock(), offered=3, remaining_ms=5, send_code=Code.CANCELLED)
    run.learn(Code.CANCELLED)
    assert set(run.figures()) == set(FIGURES)


def test_the_present_send_counts_as_blocked() -> None:
    clock = Clock()
    run = Run(clock)
    run.send_begins()
    clock.now_s = 2.5
    assert run.figures() == {**NEW, "sending": 1, "blocked_ms": 2500}
    clock.now_s = 3
    run.send_ends()
    clock.now_s = 10
    assert run.figures() == {**NEW, "blocked_ms": 3000}
    run.send_begins()
    clock.now_s = 10.25
    assert run.figures() == {**NEW, "sending": 1, "blocked_ms": 3250}


def test_a_cancel_is_learnt_once_by_its_first_name() -> None:
    run = Run(Clock())
    run.send_begins()
    run.learn(None)
    run.learn(Code.CANCELLED)
    run.send_ends()
    assert run.figures() == {**NEW, "cancel_seen": 1}
    run.send_begins()
    assert run.figures() == {**NEW, "cancel_seen": 1, "sending": 1, "sends_after_cancel": 1}


def test_a_run_that_nobody_has_begun_is_not_told_of_and_keeps_its_gates() -> None:
    runs = Runs(Clock())
    runs.named("a").gates.open("g")
    assert runs.begun("a") is None
    assert runs.begin("a").gates.is_open("g")
    told = runs.begun("a")
    assert told
    assert told.figures()["state"] == "playing"


def test_a_run_is_kept_after_its_end_for_a_while() -> None:
    clock = Clock()
    runs = Runs(clock)
    runs.begin("playing")
    runs.begin("over")
    runs.end("over")
    clock.now_s = KEPT_S
    runs.begin("other")
    assert runs.begun("over")
    clock.now_s = KEPT_S + 1
    runs.begin("another")
    assert runs.begun("over") is None
    assert runs.begun("playing")
    assert KEPT_S >= 60


def test_there_is_room_for_so_many_runs_and_the_oldest_that_are_over_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "MOST_RUNS", 3)
    runs = Runs(Clock())
    for name in ("a", "b", "c"):
        runs.begin(name)
    runs.end("b")
    runs.end("a")
    runs.begin("d")
    assert [name for name in "abcd" if runs.begun(name)] == ["a", "c", "d"]
    runs.begin("e")
    assert [name for name in "abcde" if runs.begun(name)] == ["c", "d", "e"]
    with pytest.raises(TooManyRuns):
        runs.witness("f")
    assert len(runs) == 3


def test_streams_of_one_run_are_counted_together() -> None:
    runs = Runs(Clock())
    first, second = runs.begin("a"), runs.begin("a")
    assert first is second
    runs.end("a")
    assert first.figures()["state"] == "playing"
    runs.end("a")
    assert first.figures()["state"] == "ended"


def test_a_gate_wakes_whoever_waits_for_it_once() -> None:
    gates, woken = Gates(), []
    with gates.watched("a", lambda: woken.append("a")), gates.watched("b", lambda: woken.append("b")):
        gates.open("a")
        gates.open("a")
        gates.open("c")
    gates.open("b")
    assert woken == ["a"]
    assert [name for name in "abcd" if gates.is_open(name)] == ["a", "b", "c"]


def test_nobody_opens_gates_without_end() -> None:
    gates = Gates()
    for n in range(MOST_GATES):
        gates.open(str(n))
    with pytest.raises(TooManyGates):
        gates.open("one more")
    gates.open("0")
