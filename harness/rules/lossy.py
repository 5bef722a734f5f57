"""BP on scripted servers that may leave items out for slow clients: that they say how many.

Never here: losses of a server that declares none (OI-02, BP-07).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Did, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, ENDED, EOF, head, item, told, written
from streamspec.harness.rules._scripted import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

DROPS: Final = "script-drops-"
DECLARED: Final = "declares.lossy"  # the field with which an item says how many were left out before it


def gaps_are_marked(h: History) -> Iterator[Finding]:
    """Items are counted by the script. What a field counts is left open: what was left out since the item before, or
    since the beginning. A gap at the very end has no item to mark it."""
    field = h.header.declared.get(DECLARED)
    for session in streams(h, DROPS) if isinstance(field, str) else ():
        numbered = [(r, r.event.seq) for r in standing.items(h, session) if isinstance(r.event, Item)]
        numbers = [seq for _, seq in numbered if seq is not None]
        if not numbers or len(numbers) < len(numbered) or not standing.seen_whole(h, session):
            yield unknown(standing.not_opened(h, session) or "not every item was seen with its number")
        elif any(later <= earlier for earlier, later in pairwise(numbers)):
            yield unknown("its items came in another order, or twice")
        else:
            yield from _gaps(session, [(r, seq or 0) for r, seq in numbered], str(field))


def _gaps(session: str, numbered: list[tuple[Record, int]], field: str) -> Iterator[Finding]:
    marked: list[Record] = []
    before, last, missing = 0, None, 0
    for record, seq in numbered:
        gap = seq - before - 1
        missing += gap
        said = record.event.kept.get(field, 0) if isinstance(record.event, Item) else 0
        if gap and (isinstance(said, bool) or said not in {gap, missing}):
            wanted = f"{field} = {gap} in item {seq}, or {missing} since the beginning"
            yield broken(last, record, expected=wanted, got=f"{field} = {said}" if said else f"no {field}")
            return
        marked += [record] if gap else []
        before, last = seq, record
    yield held(marked) if marked else unknown(f"{session} was left nothing out of")


def _dropped(*items: tuple[int, dict[str, int]], field: str = "dropped") -> History:
    """By hand: a stream that is read after a stall: the numbers of its items, and what they carry."""
    came = [replace(item(n, seq), kept=kept) for n, (seq, kept) in enumerate(items)]
    rows = (
        *told(f"{DROPS}1", ASK, head(), Did("stall"), Did("resume")),
        *told(f"{DROPS}1", *came, ENDED, EOF, start_ms=500),
    )
    return written(*rows, declared={DECLARED: field})


_ONE: Final[tuple[int, dict[str, int]]] = (1, {})
_TWO: Final[tuple[int, dict[str, int]]] = (2, {})

BP_17 = Rule(
    id="BP-17",
    level=Level.MUST,
    sentence="A server that leaves items out for a slow client says so in the next item, and how many.",
    source="docs/contract.md (`lossy`); contract 3 (design 1)",
    why="A client that cannot see a gap takes what is left for the whole.",
    needs=("feature:lossy", "feature:generate", "feature:gate", "told:sent"),
    check=gaps_are_marked,
    good=(
        _dropped(_ONE, _TWO, (7, {"dropped": 4})),
        # counted from the beginning
        _dropped(_ONE, (3, {"dropped": 1}), (7, {"dropped": 4})),
        _dropped((3, {"dropped": 2}), (9, {"dropped": 7})),
        # a field that is always there
        _dropped((1, {"dropped": 0}), (3, {"dropped": 1})),
        # nothing was left out, or at the end
        _dropped(_ONE, _TWO),
        # items in another order are OI-01's
        _dropped((3, {}), (1, {})),
    ),
    bad=(
        _dropped(_ONE, _TWO, (7, {})),
        _dropped(_ONE, _TWO, (7, {"dropped": 3})),
        _dropped((3, {"dropped": 0})),
        _dropped(_ONE, (7, {"dropped": 5}), field="skipped"),
    ),
)
