"""What rules about streams that share a connection ask: whether one of them goes on, its items whole. And how such a
stream is written by hand.

Never here: a rule.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Expired, Failed, Item, Record
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import CLOSE, item
from streamspec.harness.rules._both_ways import Spoken, ended, opening, silent_since
from streamspec.harness.rules._connections import others_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

STAYS: Final = "endless-stays-"  # goes on while something happens to its neighbour
_COUNTED_LEAST: Final = 3  # items one after the other, before they are said to count
_ENOUGH: Final = 5  # items behind what has happened, of a stream that goes on


def goes_on(h: History, session: str, at: Record, wanted: str) -> Finding:
    """Whether a stream that had begun goes on after this record, none of its items missing."""
    items = standing.items(h, session)
    before, since = [r for r in items if r.index < at.index], [r for r in items if r.index > at.index]
    if not before:
        return unknown("it had not begun", at)
    if gap := gap_in(h, before, since):
        return broken(before[-1], at, gap[0], expected=wanted, got=f"item {gap[2]} behind item {gap[1]}")
    if len(since) >= _ENOUGH:
        return held(before[-1], at, since[-1])
    if end := ended(h, session, at):
        return broken(before[-1], at, end, expected=wanted, got=_in_words(end))
    wait = next((r for r in standing.expired(h, session) if r.index > at.index), None)
    if wait and silent_since(h, session, at):
        return broken(before[-1], at, wait, expected=wanted, got="it has sent nothing since")
    return unknown("too little was read of it afterwards", at)


def gap_in(h: History, before: Sequence[Record], since: Sequence[Record]) -> tuple[Record, int, int] | None:
    """The first item that does not follow upon the one before it, of a stream that counted its items one by one before;
    of one that may leave items out, only one that falls back."""
    counted = _one_by_one(before)
    if not counted:
        return None
    lossy, number = bool(h.header.declared.get("declares.lossy")), counted[-1]
    for record in since:
        following = _number(record)
        if following is None:
            return None
        if following <= number or (following > number + 1 and not lossy):
            return record, number, following
        number = following
    return None


def counted_anew(h: History, session: str, items: Sequence[Record]) -> tuple[Record, int] | None:
    """The first item that does not go beyond all before it, of a stream that others of its kind on the connection show
    to count its items one by one."""
    others = (other for other in others_on(h, session) if h.role(other) == h.role(session))
    if not any(_one_by_one(standing.items(h, other)) for other in others):
        return None
    most: int | None = None
    for record in items:
        number = _number(record)
        if number is None:
            return None
        if most is not None and number <= most:
            return record, number
        most = number
    return None


def _one_by_one(items: Sequence[Record]) -> list[int]:
    """Their numbers, where they count; else none."""
    counted = [number for record in items if (number := _number(record)) is not None]
    steady = len(counted) == len(items) >= _COUNTED_LEAST and all(b == a + 1 for a, b in pairwise(counted))
    return counted if steady else []


def _number(record: Record) -> int | None:
    return record.event.seq if isinstance(record.event, Item) else None


def _in_words(end: Record) -> str:
    if isinstance(end.event, Failed):
        return f"it failed ({end.event.code})" if end.event.code else "it failed"
    return f"it ended ({type(end.event).__name__.lower()})"


def stay(*after: Seen, n: int = 1) -> Spoken:
    start = 10e3 * n
    seen = (*opening(), *(item(k) for k in range(6)), 20, *after, *CLOSE)
    return Spoken(f"{STAYS}{n}", seen, start_ms=start)


ON: Final = tuple(item(k) for k in range(6, 14))
SILENT: Final[tuple[Seen, ...]] = (5_000, Expired("item_ms", 5_000))
