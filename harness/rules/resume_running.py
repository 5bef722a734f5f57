"""RC on scripted servers: going on behind an id while the stream that gave it is still at work.

Never here: the first item behind an id by itself, or ids that nobody gave (`resume`, `resume_edges`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.asking import items_read
from streamspec.harness.core.event import Item
from streamspec.harness.core.rule import Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, head, item, told, written
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._wire import ROOTS, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Finding

RESUMES: Final = "script-resumes"


def order_is_kept_while_it_runs(h: History) -> Iterator[Finding]:
    """The items count by one, each with its number in the script; a resume may begin with items that the client had
    where no more than at-least-once was declared."""
    for session in streams(h, RESUMES):
        had, came = items_read(h, standing.ask_of(h, session).after), h.of(Item, session)
        numbers = [_number(r) for r in had]
        if reason := why_unlike(h, session):
            yield unknown(reason)
        elif len(had) < 2 or None in numbers or _break(had):
            yield unknown("the stream behind whose item it resumes does not count by one")
        elif len(came) < 2 or any(_number(r) is None for r in came):
            yield unknown("too few items came behind it to tell their order")
        elif wrong := _break(_joined(h, had, came)):
            before, after = wrong
            expected = f"item {(_number(before) or 0) + 1} right behind item {_number(before)}"
            yield broken(before, after, expected=expected, got=f"item {_number(after)}")
        else:
            yield held(had[-1], came[0], came[-1])


def _joined(h: History, had: Sequence[Record], came: Sequence[Record]) -> Sequence[Record]:
    """What the client has when the two are put together: without what is repeated, where repeats are declared."""
    last, first = _number(had[-1]), _number(came[0])
    repeats = h.header.declared.get("declares.resume") == "at-least-once"
    return came if repeats and last is not None and first is not None and first <= last else (had[-1], *came)


def _break(records: Sequence[Record]) -> tuple[Record, Record] | None:
    """The first two neighbours that do not count by one."""
    return next(((a, b) for a, b in pairwise(records) if _number(b) != (_number(a) or 0) + 1), None)


def _number(record: Record) -> int | None:
    return record.event.seq if isinstance(record.event, Item) else None


def _numbered(*numbers: int) -> tuple[Item, ...]:
    return tuple(item(n, number, mark=f"{number}") for n, number in enumerate(numbers))


def _resumed(*came: Event, had: tuple[Event, ...] = _numbered(1, 2, 3), guarantee: str = "exactly-once") -> History:
    """One stream that stays open, and one that resumes behind its third item meanwhile."""
    return written(
        *told("script-runs", ASK, head(), *had),
        *told(f"{RESUMES}-1", ASK, head(), *came, *CANCEL, start_ms=100),
        *told("script-runs", *CLOSE, start_ms=200),
        declared={"declares.resume": guarantee},
        asks={f"{RESUMES}-1": Ask(after="script-runs")},
    )


RC_10 = Rule(
    id="RC-10",
    level=Level.MUST,
    sentence="A resume while the stream that gave the id is still at work keeps the order, without gap and repeat.",
    source="rule book OI-01; HTML §9.2.4; the declared guarantee",
    why="Clients come back before the server has noticed that they had left: then two streams serve one client.",
    needs=("script", "feature:resume"),
    after=ROOTS,
    on=("sse",),
    check=order_is_kept_while_it_runs,
    good=(
        _resumed(*_numbered(4, 5, 6)),
        _resumed(*_numbered(2, 3, 4, 5), guarantee="at-least-once"),
        # nothing to tell an order by
        _resumed(*_numbered(4)),
        _resumed(EOF),
        _resumed(*_numbered(7, 4), had=_numbered(3, 1, 9)),
    ),
    bad=(
        _resumed(*_numbered(4, 6, 5)),
        _resumed(*_numbered(5, 6, 7)),
        _resumed(*_numbered(3, 4, 5)),
        _resumed(*_numbered(2, 3, 5), guarantee="at-least-once"),
    ),
)
