"""MX on connections that streams share: how many items each of them was given while all had some to send.

Counted from when each has had an item until one has had all that was asked for. Never here: a rule (they are in
`multiplexing_fairness` and `priority`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.steps import Generate
from streamspec.harness.core.written import CLOSE, item
from streamspec.harness.rules._both_ways import MARKED, Spoken, ended, left, named, opening, rounds, spoken
from streamspec.harness.rules._connections import connection, others_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

RANKS: Final = "script-ranks-"  # streams of two priorities that all have something to send
_EACH_LEAST: Final = 50  # items of each in the mean, before shares are counted
_GRANTED_LEAST: Final = 8  # items that a bound grants to each stream, before they are counted
_FAR: Final = 4  # times fewer than that: those are no turns that come a little late
_TIMES: Final = 2  # as many items for the higher one: that is a preference


@dataclass(frozen=True, slots=True)
class Shares:
    """How many items each session was given, and between which records."""

    begun: Record
    done: Record
    of: Mapping[str, int]

    @property
    def enough(self) -> bool:
        return sum(self.of.values()) >= _EACH_LEAST * len(self.of)

    @property
    def worded(self) -> str:
        return ", ".join(map(str, self.of.values()))


def roots(h: History, prefix: str) -> tuple[str, ...]:
    """The sessions that opened a connection for several."""
    return tuple(s for s in named(h, prefix) if connection(h, s) == s and others_on(h, s))


def shares(h: History, root: str) -> Shares | None:
    """None where one of them has had no item."""
    lanes = {s: standing.items(h, s) for s in (root, *others_on(h, root))}
    if not all(lanes.values()):
        return None
    begun = max((items[0] for items in lanes.values()), key=lambda r: r.index)
    done = min((items[-1] for items in lanes.values()), key=lambda r: r.index)
    return Shares(begun, done, {s: sum(begun.index <= r.index <= done.index for r in i) for s, i in lanes.items()})


# -- MX-05 -------------------------------------------------------------------------------------------------------------


def higher_is_given_more(h: History) -> Iterator[Finding]:
    """The half of MX-05 about servers."""
    yield from rounds(
        h, roots(h, RANKS), _given_more, "a higher priority was given no more than a lower one", timed=True
    )


def _given_more(h: History, root: str) -> Finding:
    found = shares(h, root)
    if found is None or not found.enough:
        return unknown("too few items came while all of them were open")
    rank = {session: standing.ask_of(h, session).priority for session in found.of}
    top = max(rank.values())
    highs = [n for session, n in found.of.items() if rank[session] == top]
    lows = [n for session, n in found.of.items() if rank[session] < top]
    if not lows:
        return unknown("all of them have the same priority")
    if min(highs) <= max(lows):
        got = f"{min(highs)} items, and {max(lows)} of a lower one"
        return broken(found.begun, found.done, expected=f"more for the priority {top}", got=got)
    if min(highs) < _TIMES * max(lows):
        return unknown(f"it was given hardly more: {found.worded}", found.begun)
    return held(found.begun, found.done)


# -- MX-06 -------------------------------------------------------------------------------------------------------------


def lowest_is_given_some(h: History) -> Iterator[Finding]:
    """The half of MX-06 about servers. Nobody sees from outside when a stream is ready: what counts is that those who
    always have something to send are given far less than the bound grants them."""
    bound = h.header.declared.get("declares.starvation_bound")
    if isinstance(bound, int) and not isinstance(bound, bool):
        what = "the lowest priority was given hardly anything"
        yield from rounds(h, roots(h, RANKS), partial(_given_some, bound=bound), what, timed=True)


def _given_some(h: History, root: str, bound: int) -> Finding:
    found = _against_the_highest(h, root)
    if found is None:
        return unknown("nobody of low priority had begun before one of high priority did")
    total, turns = sum(found.of.values()), bound + len(found.of) - 1
    granted, own = total // turns, found.of[root]
    if granted < _GRANTED_LEAST:
        return unknown(f"{total} items came, of which the bound grants {granted} to each", found.begun)
    if own * _FAR < granted:
        wanted = f"the lowest priority served about once in {turns} items"
        return broken(found.begun, found.done, expected=wanted, got=f"{own} of {total} items")
    if own * 2 < granted:
        return unknown(f"it was given less than the bound grants: {found.worded}", found.begun)
    return held(found.begun, found.done)


def _against_the_highest(h: History, root: str) -> Shares | None:
    """What each was given while the highest had items to send and the root, which had begun before it, wanted more. One
    that never got a turn has had no item, and counts nothing."""
    rank = {s: standing.ask_of(h, s).priority for s in (root, *others_on(h, root))}
    own = standing.items(h, root)
    top = next(s for s in rank if rank[s] == max(rank.values()))
    high = [r for r in standing.items(h, top) if own and own[0].index < r.index < left(h, root)]
    if rank[root] == rank[top] or not high or ended(h, root, own[0]):
        return None
    begun, done = high[0], high[-1]
    counts = {s: sum(begun.index <= r.index <= done.index for r in standing.items(h, s)) for s in rank}
    return Shares(begun, done, counts)


# -- histories written by hand -----------------------------------------------------------------------------------------


def lanes(prefix: str, counts: tuple[int, ...], n: int = 1, priorities: tuple[int, ...] = ()) -> tuple[Spoken, ...]:
    """Items of each stream of one connection, spread over the same time."""
    start, root = 10e3 * n, f"{prefix}{n}-1"
    most = max(counts)
    found = []
    for k, (count, priority) in enumerate(zip(counts, priorities or (0,) * len(counts), strict=True), 1):
        seen: list[Seen] = [*opening(), item(0), 10]
        for m in range(1, count):
            seen += [most / count, item(m)]
        ask = Ask(on=root if k > 1 else "", priority=priority)
        found.append(Spoken(f"{prefix}{n}-{k}", (*seen, *CLOSE), (Generate(),), acts=(ask,), start_ms=start + k / 10))
    return tuple(found)


def thrice(prefix: str, *counts: int, priorities: tuple[int, ...] = (), bound: int = 0) -> History:
    return _bounded(*(one for n in (1, 2, 3) for one in lanes(prefix, counts, n, priorities)), bound=bound)


def _bounded(*streams: Spoken, bound: int) -> History:
    """Of a target that declares this starvation bound; 0: none."""
    return spoken(*streams, declared=MARKED | ({"declares.starvation_bound": bound} if bound else {}))


_RANKED: Final = (0, 0, 9)
PREFERRED: Final = (
    thrice(RANKS, 40, 45, 300, priorities=_RANKED),
    # once it is not
    spoken(
        *lanes(RANKS, (120, 120, 120), 1, _RANKED),
        *(one for n in (2, 3) for one in lanes(RANKS, (40, 45, 300), n, _RANKED)),
    ),
    # hardly
    thrice(RANKS, 110, 110, 150, priorities=_RANKED),
)
ALIKE: Final = (thrice(RANKS, 120, 120, 120, priorities=_RANKED), thrice(RANKS, 300, 60, 60, priorities=_RANKED))
PATIENT: Final = (
    thrice(RANKS, 40, 45, 300, priorities=_RANKED, bound=8),
    # less than it should be, and not so little that nothing else could be the reason
    thrice(RANKS, 12, 12, 300, priorities=_RANKED, bound=8),
    # once it is starved
    _bounded(
        *lanes(RANKS, (2, 2, 600), 1, _RANKED),
        *(one for n in (2, 3) for one in lanes(RANKS, (40, 45, 300), n, _RANKED)),
        bound=8,
    ),
    # of so few the bound grants hardly any
    thrice(RANKS, 2, 2, 600, priorities=_RANKED, bound=200),
)
STARVED: Final = (thrice(RANKS, 2, 2, 600, priorities=_RANKED, bound=8),)
