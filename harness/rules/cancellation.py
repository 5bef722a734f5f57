"""CN: what a cancel does, and what it must leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Did, Expired, Heartbeat, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

# Sessions of the scenario come in pairs: one stays, its partner leaves.
STAYS: Final = "endless-stays-"
LEAVES: Final = "endless-leaves-"


def siblings_live_on(h: History) -> Iterator[Finding]:
    """Counts only when it happens to every pair: a single end may have any cause."""
    pairs = [s for s in h.sessions("endless") if s.startswith(STAYS)]
    told_of = [_pair(h, stays, LEAVES + stays.removeprefix(STAYS)) for stays in pairs]
    hurt = [finding for finding in told_of if finding.stance == "broken"]
    if hurt and len(hurt) == len(pairs) >= 3:
        yield from hurt
    elif hurt:
        yield unknown(f"{len(hurt)} of {len(pairs)} siblings ended or fell silent after a cancel")
    else:
        yield from told_of


def _pair(h: History, stays: str, leaves: str) -> Finding:
    cancel = next((r for r in h.of(Did, leaves) if isinstance(r.event, Did) and r.event.act.startswith("cancel")), None)
    before = [r for r in standing.items(h, stays) if cancel and r.index < cancel.index]
    if not cancel or not before or not h.first(Item, leaves):
        return unknown(standing.not_opened(h, stays) or standing.not_opened(h, leaves) or "no items before the cancel")
    watched = next((r for r in h.of(Expired, stays) if r.index > cancel.index and _budget(r) == "sibling_ms"), None)
    silence = next((r for r in standing.expired(h, stays, "item_ms") if r.index > cancel.index), None)
    alive = any(r.index > cancel.index for r in h.of(Heartbeat, stays))
    after = [r for r in standing.items(h, stays) if watched and r.index > watched.index]
    if end := _end_after(h, stays, cancel):
        return broken(
            before[-1],
            cancel,
            end,
            expected="the sibling's stream goes on",
            got="it ended when its neighbour left",
        )
    if silence and alive:
        return unknown("no item came after the cancel, and heartbeats did", silence)
    if silence and not _frequent(before, silence):
        return unknown("its items come too rarely to tell silence from patience", silence)
    if silence:
        return broken(before[-1], cancel, silence, expected="the sibling's next item", got="silence since the cancel")
    return held(before[-1], cancel, after[0]) if after else unknown("nothing more was read of the sibling")


def _frequent(before: list[Record], silence: Record) -> bool:
    """The control: two items before the cancel came several times closer than the silence lasted."""
    if len(before) < 2 or not isinstance(silence.event, Expired):
        return False
    return (before[-1].t_ns - before[-2].t_ns) / 1e6 * 3 < silence.event.after_ms


def _budget(record: Record) -> str:
    return record.event.budget if isinstance(record.event, Expired) else ""


def _end_after(h: History, session: str, cancel: Record) -> Record | None:
    ends = (standing.whole(h, session), standing.cut(h, session), standing.reset(h, session))
    return next((r for r in (*standing.terminals(h, session), *ends) if r and r.index > cancel.index), None)


def _rows(n: int, *after: Event) -> tuple[Row, ...]:
    """One pair: the stayer reads two items, its neighbour reads one and leaves, then `after` happens to the stayer."""
    start = 100.0 * n
    return (
        *told(f"{STAYS}{n}", ASK, head(), item(0), item(1), start_ms=start),
        *told(f"{LEAVES}{n}", ASK, head(), item(0), *CANCEL, start_ms=start + 10),
        *told(f"{STAYS}{n}", *after, start_ms=start + 20),
    )


_WATCHED: Final = Expired("sibling_ms", 300)
_LIVES: Final = (item(2), _WATCHED, item(3), *CLOSE)

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
        # one end in three may have any cause
        written(*_rows(1, EOF), *_rows(2, *_LIVES), *_rows(3, *_LIVES)),
    ),
    bad=(
        written(*_rows(1, EOF), *_rows(2, EOF), *_rows(3, EOF)),
        written(*(row for n in (1, 2, 3) for row in _rows(n, _WATCHED, Expired("item_ms", 5000), *CLOSE))),
    ),
)
