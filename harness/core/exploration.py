"""What a search has explored: scripts, acts, items and endings, counted, and the rules that found something to judge.

A search that explored nothing is not green, and this is how that is known. Pure, and never here: a verdict.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Called, Closed, Completed, Did, Ended, Failed, Item, Opened, Returned
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.run import Figure, Section
from streamspec.harness.core.script import AGAIN, BEFORE, OBJECT, Call
from streamspec.harness.core.steps import names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.script import Act

BAD: Final = (Outcome.FAIL, Outcome.ERROR, Outcome.WARN)


@dataclass(frozen=True, slots=True)
class Example:
    """One script that was played and judged."""

    history: History
    verdicts: tuple[Verdict, ...]

    @property
    def bad(self) -> frozenset[str]:
        """The rules that are broken in it, and those whose check crashed."""
        return frozenset(verdict.rule for verdict in self.verdicts if verdict.outcome in BAD)

    @property
    def held(self) -> tuple[str, ...]:
        return tuple(verdict.rule for verdict in self.verdicts if verdict.outcome is Outcome.PASS)


@dataclass(slots=True)
class Exploration:
    """The counts of one search so far. `evidence` is for each rule that held the first example that shows it; one in
    which nothing is broken goes before others. `again` counts the plays that were only to make a failing script
    smaller, or to confirm it; they are among `scripts`."""

    scripts: int = 0
    again: int = 0
    unplayed: int = 0  # cut off, since the time was up
    sessions: int = 0
    items: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    evidence: dict[str, Example] = field(default_factory=dict)

    def add(self, example: Example, *, again: bool) -> None:
        self.scripts += 1
        self.again += again
        history = example.history
        for session in history.header.script.sessions:
            if session.id.startswith((BEFORE, AGAIN)):
                continue
            self.sessions += 1
            self.items += len(history.of(Item, session.id))
            self.acts.update(_words(session.acts))
            self.steps.update(names_of(session.steps))
            self.endings[ending(history, session.id)] += 1
        self.held.update(example.held)
        for rule in example.held:
            known = self.evidence.get(rule)
            if known is None or (known.bad and not example.bad):
                self.evidence[rule] = example

    @property
    def nothing(self) -> str:
        """Why this search says nothing of its target; empty when it does."""
        if not self.scripts:
            return "no script was played"
        if not self.items:
            return f"of {self.scripts} scripts none received an item: nothing was explored"
        if not self.held:
            return f"of {self.scripts} scripts none showed that a rule holds: nothing was explored"
        return ""


def ending(history: History, session: str) -> str:
    """How this session's stream ended, in one word."""
    if history.first(Failed, session):
        return "failed"
    if history.first(Completed, session):
        return "completed"
    return (_ending_in_process if history.role(session) == OBJECT else _ending_on_a_wire)(history, session)


def _ending_on_a_wire(history: History, session: str) -> str:
    """Of a stream that has said nothing of its end."""
    closed = history.first(Closed, session)
    did = [record.event.act for record in history.of(Did, session) if isinstance(record.event, Did)]
    if any(act.startswith("cancel") for act in did):
        return "cancelled"
    if history.first(Ended, session):
        return "whole"
    if closed and isinstance(closed.event, Closed) and closed.event.how != "ours":
        return "cut"
    return "left" if history.first(Opened, session) else "refused"


def _ending_in_process(history: History, session: str) -> str:
    cancels = {
        r.event.call for r in history.of(Called, session) if isinstance(r.event, Called) and r.event.op == "cancel"
    }
    returned = {r.event.call for r in history.of(Returned, session) if isinstance(r.event, Returned)}
    return "cancelled" if cancels & returned else "left"


def _words(acts: Iterable[Act]) -> Iterable[str]:
    return (act.op if isinstance(act, Call) else type(act).__name__.lower() for act in acts)


def section(title: str, explored: Exploration, rules: Sequence[Rule], duration_s: float) -> Section:
    """What was explored, for a report. `rules` are those that every script was judged by."""
    silent = [rule.id for rule in rules if rule.id not in explored.held]
    figures = [
        Figure("scripts played", explored.scripts),
        Figure("of them to make a failure smaller, or to confirm it", explored.again),
        Figure("scripts that were cut off, since the time was up", explored.unplayed),
        Figure("time", round(duration_s, 1), "s"),
        Figure("sessions", explored.sessions),
        Figure("items received", explored.items),
        Figure("acts", _counted(explored.acts)),
        Figure("steps of the server", _counted(explored.steps)),
        Figure("endings", _counted(explored.endings)),
        Figure("rules that held at least once", f"{len(rules) - len(silent)} of {len(rules)}"),
        Figure("rules that no script spoke to", ", ".join(silent) or "none"),
    ]
    told = tuple(figure for figure in figures if figure.value not in ("", 0))
    return Section(title, told)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{n} {word}" for word, n in sorted(counter.items(), key=lambda pair: (-pair[1], pair[0])))
