"""CN: what a cancel does, and what it must leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Did, Expired, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import CUT
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

# Sessions of the scenario come in pairs: one stays, its partner leaves.
STAYS: Final = "endless-stays-"
LEAVES: Final = "endless-leaves-"
_LEFT: Final = ("cancel", CUT)  # by us, or by our proxy


def siblings_live_on(h: History) -> Iterator[Finding]:
    """Counts only when it happens to every pair: a single end may have any cause."""
    pairs = [s for s in h.sessions("endless") if s.startswith(STAYS)]
    told_of = [_pair(h, stays, LEAVES + stays.removeprefix(STAYS)) for stays in pairs]
    hurt = [finding for finding in told_of if finding.stance == "broken"]
    if hurt and len(hurt) == len(pairs) >= 3:
        yield from hurt
    elif hurt:
        yield unknown(f"{len(hurt)} of {len(pairs)} siblings ended after a cancel")
    else:
        yield from told_of


def _pair(h: History, stays: str, leaves: str) -> Finding:
    cancel = next((r for r in h.of(Did, leaves) if isinstance(r.event, Did) and r.event.act.startswith(_LEFT)), None)
    before = [r for r in standing.items(h, stays) if cancel and r.index < cancel.index]
    if not cancel or not before or not h.first(Item, leaves):
        return unknown(standing.not_opened(h, stays) or standing.not_opened(h, leaves) or "no items before the cancel")
    watched, settled = _watches(h, stays, cancel)
    if end := _end(h, stays):
        if end.index < cancel.index:
            return unknown("it ended while its neighbour was still there", end)
        if watched and end.index > watched.index:
            return unknown("it ended some time after its neighbour left", end)
        return broken(
            before[-1], cancel, end, expected="the sibling's stream goes on", got="it ended when its neighbour left"
        )
    after = [r for r in standing.items(h, stays) if settled and r.index > settled.index]
    # Silence accuses nobody: nothing says how often an endless stream sends.
    return held(before[-1], cancel, after[0]) if after else unknown("no item came after the cancel, and no end either")


def _watches(h: History, session: str, cancel: Record) -> tuple[Record | None, Record | None]:
    """The ends of the two watches after the cancel: right after it, and some time later."""
    ran_out = [r for r in h.of(Expired, session) if r.index > cancel.index]
    return next(iter(ran_out), None), next(iter(ran_out[1:]), None)


def _end(h: History, session: str) -> Record | None:
    """The first sign of the stream's end that is the target's."""
    ends = (standing.whole(h, session), standing.cut(h, session), standing.reset(h, session))
    return next((r for r in (*standing.terminals(h, session), *ends) if r), None)


def _rows(n: int, *after: Event, leaving: tuple[Event, ...] = CANCEL) -> tuple[Row, ...]:
    """One pair: the stayer reads two items, its neighbour reads one and leaves, then `after` happens to the stayer."""
    start = 100.0 * n
    return (
        *told(f"{STAYS}{n}", ASK, head(), item(0), item(1), start_ms=start),
        *told(f"{LEAVES}{n}", ASK, head(), item(0), *leaving, start_ms=start + 10),
        *told(f"{STAYS}{n}", *after, start_ms=start + 20),
    )


_WATCHED: Final = (Expired("sibling_ms", 60), Expired("aftermath_ms", 100))
_CUT: Final = (Did(f"{CUT}cut_at"), CANCEL[1])
_LIVES: Final = (item(2), *_WATCHED, item(3), *CLOSE)

CN_21 = Rule(
    id="CN-21",
    level=Level.MUST,
    sentence="Cancelling one stream leaves streams on other connections untouched.",
    source="contract 6 'Independent' (design 1); seed 002 multiplexing",
    why="One user closing a tab must not end another user's stream.",
    needs=("concurrent", "role:endless"),
    check=siblings_live_on,
    good=(
        written(*_rows(1, *_LIVES), *_rows(2, *_LIVES), *_rows(3, *_LIVES)),
        written(*(row for n in (1, 2, 3) for row in _rows(n, *_LIVES, leaving=_CUT))),
        # silence accuses nobody: two quick items say nothing about the third
        written(*(row for n in (1, 2, 3) for row in _rows(n, *_WATCHED, Expired("look_ms", 2000), *CLOSE))),
        # ended some time later, every time: a new connection may have replaced it, or its time was up
        written(*(row for n in (1, 2, 3) for row in _rows(n, _WATCHED[0], EOF))),
        # one end in three may have any cause
        written(*_rows(1, EOF), *_rows(2, *_LIVES), *_rows(3, *_LIVES)),
    ),
    bad=(
        written(*_rows(1, EOF), *_rows(2, EOF), *_rows(3, EOF)),
        written(*(row for n in (1, 2, 3) for row in _rows(n, EOF, leaving=_CUT))),
    ),
)
