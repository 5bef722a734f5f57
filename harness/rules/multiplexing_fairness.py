"""MX and BP: how streams of one connection share it. Turns among equals, and one that is not read beside others.

Shares are counted, never rates. Never here: priorities (`priority`), or what a cancel does to a neighbour
(`multiplexing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.contract import BOTH_WAYS
from streamspec.harness.core.event import Did, Expired
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.steps import Generate
from streamspec.harness.core.written import CLOSE, item
from streamspec.harness.rules._both_ways import Spoken, ended, first_act, named, opening, rounds, spoken
from streamspec.harness.rules._connections import others_on
from streamspec.harness.rules._scripted import parked
from streamspec.harness.rules._shares import lanes, roots, shares, thrice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

TURNS: Final = "script-turns-"  # streams that all have something to send
FLOWS: Final = "script-flows-"  # a stream that is read
STALLS: Final = "script-stalls-"  # and its neighbour, which is not
FAIR: Final = 0.9  # Jain's index of what each of several streams was given
_LEAST: Final = 20  # items of a stream beside one that stands still


# -- MX-07: turns ------------------------------------------------------------------------------------------------------


def takes_turns(h: History) -> Iterator[Finding]:
    yield from rounds(
        h, roots(h, TURNS), _in_turns, "some streams were given far more than others of their like", timed=True
    )


def _in_turns(h: History, root: str) -> Finding:
    found = shares(h, root)
    if found is None or not found.enough:
        return unknown("too few items came while all of them were open")
    counts = tuple(found.of.values())
    index = sum(counts) ** 2 / (len(counts) * sum(n * n for n in counts))
    if index < FAIR:
        wanted = f"shares alike: an index of {FAIR} at least"
        return broken(found.begun, found.done, expected=wanted, got=f"{index:.2f}: {found.worded}")
    return held(found.begun, found.done)


_EVEN: Final = (120, 120, 120, 120)

MX_07 = Rule(
    id="MX-07",
    level=Level.SHOULD,
    sentence="Streams of equal priority that all have something to send are given equal shares of their connection.",
    source="contract 6 (design 1); Jain's fairness index",
    why="The first panel of a page fills at once, and the last one seems to hang.",
    needs=("script", "mux", "feature:fair", "feature:generate"),
    on=BOTH_WAYS,
    check=takes_turns,
    good=(
        thrice(TURNS, 120, 120, 120, 120),
        thrice(TURNS, 130, 120, 110, 140),
        # once it happens
        spoken(*lanes(TURNS, (400, 20, 20, 20)), *lanes(TURNS, _EVEN, 2), *lanes(TURNS, _EVEN, 3)),
        thrice(TURNS, 9, 3, 3, 3),
    ),
    bad=(thrice(TURNS, 400, 20, 20, 20),),
)


# -- BP-12: one is not read --------------------------------------------------------------------------------------------


def flows_beside_a_stall(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, FLOWS), _flows, "a stream stood still beside one that was not read")


def _flows(h: History, session: str) -> Finding:
    neighbour = next((s for s in others_on(h, session) if s.startswith(STALLS)), "")
    began, over = first_act(h, neighbour, "stall"), first_act(h, neighbour, "resume")
    waits = parked(h, neighbour, over.t_ns + 1 if over else float("inf")) if began else None
    if began is None or not waits:
        return unknown("no stream was seen to wait for its reader", began)
    items = standing.items(h, session)
    if not items or items[0].index > began.index:
        return unknown("its neighbour had not begun before", began)
    since = [r for r in items if r.index > waits[0].record.index]
    if len(since) >= _LEAST:
        return held(began, waits[0].record, since[-1])
    wait = next((r for r in standing.expired(h, session, "item_ms") if r.index > waits[0].record.index), None)
    if wait is None or ended(h, session, began):
        return unknown("it was not read for long enough, or ended", began)
    wanted = "items of the one that is read"
    return broken(items[0], began, waits[0].record, wait, expected=wanted, got=f"{len(since)} until the wait was over")


def _beside(*after: Seen, n: int = 1) -> tuple[Spoken, Spoken]:
    start = 10e3 * n
    inside: dict[str, int | str] = {"produced": 60, "sending": 1}
    stalled = (*opening("grpc"), _STALL, 100, inside, 100, inside, 6_000, *CLOSE)
    flows = (*opening("grpc"), item(0), item(1), 150, *after, *CLOSE)
    return (
        Spoken(f"{FLOWS}{n}", flows, (Generate(every_ms=5),), start_ms=start),
        Spoken(f"{STALLS}{n}", stalled, (Generate(bytes=4_000),), acts=(Ask(on=f"{FLOWS}{n}"),), start_ms=start + 5),
    )


_STALL: Final = Did("stall")
_GO_ON: Final = tuple(item(k) for k in range(2, 30))
_STAND: Final[tuple[Seen, ...]] = (item(2), 5_000, Expired("item_ms", 5_000))

BP_12 = Rule(
    id="BP-12",
    level=Level.MUST,
    sentence="A stream that is not read does not hold up the others on its connection, where each has its own window.",
    source="RFC 9113 §5.2; seed 002 'Multiplexing'",
    why="One tab that is not looked at stops every other one of its page.",
    needs=("script", "mux", "window", "feature:generate", "told:sending"),
    check=flows_beside_a_stall,
    good=(
        spoken(*_beside(*_GO_ON), binding="grpc"),
        spoken(*_beside(*_STAND), *_beside(*_GO_ON, n=2), *_beside(*_GO_ON, n=3), binding="grpc"),
    ),
    bad=(spoken(*(one for n in (1, 2, 3) for one in _beside(*_STAND, n=n)), binding="grpc"),),
)
