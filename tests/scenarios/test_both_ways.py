"""What the scenarios of both ways and of shared connections must keep, beyond what the house asks of every one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Ask, Await, Cancel, Finish, Open, Read, Say, Session, Watch, expanded
from streamspec.harness.core.steps import Collect, Gate, Generate
from streamspec.harness.discovery import constants
from streamspec.scenarios.conformance import both_at_once, both_directions, both_uploads, mux_cancels, mux_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES: Final = (both_directions, both_at_once, both_uploads, mux_cancels, mux_streams)
SCENARIOS: Final = tuple(v for m in MODULES for v in vars(m).values() if isinstance(v, Scenario))
KERNELS_BYTES: Final = 8 * 1_048_576  # hold so much, both together


def of(scenario: Scenario) -> tuple[Session, ...]:
    return scenario.script.sessions


def acts_before(session: Session, kind: type) -> int:
    return next(n for n, act in enumerate(session.acts) if isinstance(act, kind))


def shared() -> Iterator[tuple[Scenario, Session, Ask]]:
    for scenario in SCENARIOS:
        for session in of(scenario):
            yield from ((scenario, session, act) for act in session.acts if isinstance(act, Ask) and act.on)


def test_these_are_all_of_them() -> None:
    names = {s.id for s in constants("streamspec.scenarios.conformance", Scenario)}
    assert {s.id for s in SCENARIOS} == {n for n in names if n.startswith(("conformance/both-", "conformance/mux-"))}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_who_joins_a_connection_waits_until_it_is_there(scenario: Scenario) -> None:
    """Of the session that opens it, or of one that has joined it, the request has been sent by then."""
    sessions = {session.id: session for session in of(scenario)}
    for one, session, ask in shared():
        if one is not scenario:
            continue
        waits = [act for act in session.acts[: session.acts.index(ask)] if isinstance(act, Await)]
        assert any(act.acts > acts_before(sessions[act.session], Ask) for act in waits)
        assert ask.on in sessions


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_no_two_sessions_wait_for_each_other(scenario: Scenario) -> None:
    """Every act can be done once those before it are done, and those that it waits for."""
    sessions = {session.id: session for session in of(scenario)}
    done = dict.fromkeys(sessions, 0)
    moved = True
    while moved:
        moved = False
        for name, session in sessions.items():
            while done[name] < len(session.acts):
                act = session.acts[done[name]]
                if isinstance(act, Await) and done[act.session] < act.acts:
                    break
                done[name] += 1
                moved = True
    assert done == {name: len(session.acts) for name, session in sessions.items()}


def test_a_cancel_is_known_to_be_read_by_what_is_opened_behind_it() -> None:
    sessions = {session.id: session for session in of(mux_cancels.WORD)}
    for n in (1, 2, 3):
        word, behind = sessions[f"endless-word-{n}"], sessions[f"endless-behind-{n}"]
        (wait,) = [act for act in behind.acts if isinstance(act, Await)]
        assert wait.session == word.id
        assert wait.acts == acts_before(word, Cancel) + 1


def test_two_starts_in_one_write_are_known_to_be_read_by_what_is_opened_behind_them() -> None:
    """And are read on when that has been answered: a refusal may come late."""
    sessions = {session.id: session for session in of(mux_streams.AT_ONCE)}
    for n in (1, 2, 3):
        both, later = sessions[f"endless-twice-{n}"], sessions[f"endless-later-{n}"]
        assert both.acts[0] == Ask(twice=True)  # on a connection of its own, which is oldest there
        assert [act.on for act in later.acts if isinstance(act, Ask)] == [both.id]
        wait = next(act for act in both.acts if isinstance(act, Await))
        assert (wait.session, wait.acts) == (later.id, len(later.acts))
        assert any(isinstance(act, Read) and not act.items for act in both.acts[both.acts.index(wait) :])


def test_a_backlog_is_more_than_two_kernels_hold() -> None:
    stuck = (*of(both_at_once.MUTE), *of(both_at_once.STUCK), *of(both_at_once.EARLY))
    for session in stuck:
        assert sum(act.n * act.bytes for act in session.acts if isinstance(act, Say)) > KERNELS_BYTES
    small, large = (sum(a.n * a.bytes for a in s.acts[:2] if isinstance(a, Say)) for s in of(both_uploads.BACKLOG))
    assert large - small > 64 * 1_048_576
    assert large >= 4 * small


def test_nobody_reads_an_upload_before_its_gate_is_opened() -> None:
    for session in of(both_uploads.BACKLOG):
        assert isinstance(session.steps[0], Gate)
        assert isinstance(session.steps[1], Collect)
        assert acts_before(session, Say) < acts_before(session, Open)


def test_a_handler_at_its_gate_is_cancelled_before_that_is_opened() -> None:
    for session in of(mux_cancels.GATED):
        assert acts_before(session, Cancel) < acts_before(session, Watch) < acts_before(session, Open)
        assert isinstance(session.steps[1], Gate)


def test_the_upload_that_is_the_control_is_ended() -> None:
    for scenario in (both_uploads.BROKEN, both_uploads.CANCELLED):
        whole, *broken = of(scenario)
        assert any(isinstance(act, Finish) for act in whole.acts)
        assert broken
        assert not any(isinstance(act, Finish) for session in broken for act in session.acts)


def test_a_great_effort_uploads_a_hundred_thousand_items() -> None:
    (session,) = expanded(both_uploads.MANY.script, cycles=1_000).sessions
    assert [act.n for act in session.acts if isinstance(act, Say)] == [100_000]


def test_streams_in_turns_are_read_all_the_time() -> None:
    """What waits at ours would be counted as sent late."""
    for session in (*of(mux_streams.TURNS), *of(mux_streams.RANKS)):
        asked = acts_before(session, Ask)
        assert all(isinstance(act, Read) for act in session.acts[asked + 1 :])
        assert session.steps == (Generate(bytes=4_000),)
    ranks = [act.priority for s in of(mux_streams.RANKS) for act in s.acts if isinstance(act, Ask)]
    assert ranks == [0, 0, 9] * 3
