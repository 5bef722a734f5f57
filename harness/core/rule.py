"""A rule: one numbered sentence, its source, and a pure check from a history to findings.

A rule carries its own proof: histories written by hand that its check must hold on and must break on.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from streamspec.harness.core.event import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamspec.harness.core.history import History


class Level(enum.StrEnum):
    """RFC 2119: a MUST broken is a FAIL, a SHOULD broken is a WARN."""

    MUST = "MUST"
    SHOULD = "SHOULD"


Stance = Literal["held", "broken", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: held or broken with evidence (record indices), or unknown with the reason why this
    history cannot tell. Only the first two are evidence."""

    stance: Stance
    evidence: tuple[int, ...]
    expected: str = ""
    got: str = ""
    reason: str = ""


Evidence = Record | None | Sequence["Evidence"]


def held(*evidence: Evidence) -> Finding:
    """The rule was kept, here is where."""
    return Finding("held", _indices(evidence))


def broken(*evidence: Evidence, expected: str, got: str) -> Finding:
    """The rule was broken: what was due, what came, where."""
    return Finding("broken", _indices(evidence), expected, got)


def unknown(reason: str, *evidence: Evidence) -> Finding:
    """The history cannot tell, and why. Never a verdict of its own: it explains an INCONCLUSIVE."""
    return Finding("unknown", _indices(evidence), reason=reason)


def _indices(evidence: Iterable[Evidence]) -> tuple[int, ...]:
    found: set[int] = set()
    for entry in evidence:
        if isinstance(entry, Record):
            found.add(entry.index)
        elif entry is not None:
            found.update(_indices(entry))
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Rule:
    """`needs` decide whether the rule applies to a target; `after` names rules whose failure explains this one's;
    `on` names the bindings it speaks of (empty: every one); `why` says what a broken rule costs somebody."""

    id: str
    level: Level
    sentence: str
    source: str
    why: str
    check: Callable[[History], Iterable[Finding]]
    good: tuple[History, ...]
    bad: tuple[History, ...]
    needs: tuple[str, ...] = ("wire",)
    after: tuple[str, ...] = ()
    on: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        return self.id.partition("-")[0]
