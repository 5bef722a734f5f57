"""Smaller scripts for servers: with something left out of one that fails, so that what is left is as legal as it was.

Where every script costs real time, this finds a small one in some dozen plays. Never here: which of them fail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.script import Ask, Await, Open, Pass, Read, Script, Session
from streamspec.harness.core.steps import Gate, Generate, Send, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.script import Act

_PLAIN: Final = Ask()


def smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Each with one thing less, the largest things first: sessions, then options, acts and steps, then numbers."""
    for sessions in _fewer_sessions(scenario.script.sessions):
        yield replace(scenario, script=Script(sessions))
    for place, session in enumerate(scenario.script.sessions):
        for less in _less(session):
            sessions = (*scenario.script.sessions[:place], less, *scenario.script.sessions[place + 1 :])
            yield replace(scenario, script=Script(sessions))


def _fewer_sessions(sessions: tuple[Session, ...]) -> Iterator[tuple[Session, ...]]:
    """One alone, with those that it goes on behind; then all but one."""
    if len(sessions) < 2:
        return
    for one in sessions:
        kept = tuple(s for s in sessions if s is one or s.id in _leans_on(one))
        if len(kept) < len(sessions):
            yield _beside_the_first(kept)
    for one in sessions:
        yield _beside_the_first(tuple(s for s in sessions if s is not one and one.id not in _leans_on(s)))


def _leans_on(session: Session) -> set[str]:
    awaited = {act.session for act in session.acts if isinstance(act, Await)}
    return awaited | {act.after for act in session.acts if isinstance(act, Ask) and act.after}


def _beside_the_first(sessions: tuple[Session, ...]) -> tuple[Session, ...]:
    """Open at once as they were, beside the one that is now the first of them."""
    first = sessions[0].id if sessions else ""
    return tuple(replace(s, beside=first if s.beside and s.id != first else "") for s in sessions)


def _less(session: Session) -> Iterator[Session]:
    """The same session with one thing less to do."""
    for option in session.options:
        left = {name: value for name, value in session.options.items() if name != option}
        yield replace(session, options=left)
    last_read = max((n for n, act in enumerate(session.acts) if isinstance(act, Read)), default=-1)
    for place, act in enumerate(session.acts):
        # Whoever reads nothing sees by chance what came before the close.
        kept = isinstance(act, (Ask, Await)) or place == last_read or (isinstance(act, Open) and _gated(session.steps))
        if not kept:
            yield replace(session, acts=_without(session.acts, place))
    for place, step in enumerate(session.steps[:-1]):  # the last may be what ends the stream
        if not _gated(session.steps[place:]):  # nobody is to wait for what no longer comes before the gate
            yield replace(session, steps=_without_step(session.steps, place))
        if isinstance(step, Gate):
            acts = tuple(act for act in session.acts if not isinstance(act, Open))
            yield replace(session, steps=_without_step(session.steps, place), acts=acts)
    yield from _lower(session)


def _lower(session: Session) -> Iterator[Session]:
    for place, act in enumerate(session.acts):
        for less in _lower_act(act):
            yield replace(session, acts=(*session.acts[:place], less, *session.acts[place + 1 :]))
    for place, step in enumerate(session.steps):
        if not _gated(session.steps[place:]):
            for lower in _lower_step(step):
                yield replace(session, steps=(*session.steps[:place], lower, *session.steps[place + 1 :]))


def _lower_act(act: Act) -> Iterator[Act]:
    match act:
        case Ask() if replace(_PLAIN, after=act.after) != act:
            yield replace(_PLAIN, after=act.after)
        case Read(items=items) if items > 1:
            yield replace(act, items=1)
        case Pass(ms) if ms > 1:
            yield Pass(1)
        case _:
            pass


def _lower_step(step: Step) -> Iterator[Step]:
    match step:
        case Generate(n=n, every_ms=every_ms):
            if n > 1:
                yield replace(step, n=1)
            if every_ms and n:
                yield replace(step, every_ms=0)
        case Send(items) if len(items) > 1:
            yield from (Send((item,)) for item in items)
        case _:
            pass


def _gated(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step, Gate) for step in steps)


def _without(acts: tuple[Act, ...], place: int) -> tuple[Act, ...]:
    return (*acts[:place], *acts[place + 1 :])


def _without_step(steps: tuple[Step, ...], place: int) -> tuple[Step, ...]:
    return (*steps[:place], *steps[place + 1 :])
