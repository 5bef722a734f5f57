"""MX and CN: several streams on one connection. Each keeps its own items, and none ends with another.

Which streams share a connection the script says (`_both_ways.sharing`). Never here: who goes first (`priority`), how
turns are shared out and what one stalled stream does to others (`multiplexing_fairness`), or ids (`multiplexing_ids`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Expired, Failed, Opened
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.steps import Complete, Gate, Generate
from streamspec.harness.core.written import ASK, CLOSE, EOF, item
from streamspec.harness.rules._both_ways import (
    CANCELS,
    TERMINAL,
    WORD,
    WS_OPEN,
    Spoken,
    failed,
    first_act,
    gone,
    named,
    opening,
    rounds,
    spoken,
)
from streamspec.harness.rules._connections import connection, others_on
from streamspec.harness.rules._mux import ON, SILENT, STAYS, goes_on, stay
from streamspec.harness.rules._scripted_ends import ending, numbers
from streamspec.harness.rules._scripted_items import counting, expected, well_ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

LANES: Final = "script-lane-"  # of many that end well
LEAVES: Final = "endless-leaves-"  # is cancelled
ALONE: Final = "endless-alone-"  # the control of both: nobody leaves
CROWD: Final = "script-crowd-"  # streams beyond what is allowed


# -- MX-02: each its own items -----------------------------------------------------------------------------------------


def each_is_whole(h: History) -> Iterator[Finding]:
    """Of streams that share a connection: every one that ended well shows its own items, in order. The target may
    refuse some of them."""
    if h.header.declared.get("declares.lossy"):
        yield unknown("it may leave items out, as it declares")
        return
    countable = set(counting(h)) & set(well_ended(h))
    found = [_whole(h, s) for s in named(h, LANES) if s in countable and others_on(h, s)]
    good = [f for f in found if f.stance == "held"]
    yield from (f for f in found if f.stance != "held")
    if len(good) > 1:
        yield from good


def _whole(h: History, session: str) -> Finding:
    end = ending(h, session)
    if end.how != "success" or not standing.seen_whole(h, session):
        return unknown(end.worded if end.how != "success" else "not all of it was kept", end.at)
    wanted, came = expected(h.steps(session)), numbers(h, session)
    items = standing.items(h, session)
    place = next((n for n, (due, got) in enumerate(zip(wanted, came, strict=False)) if due != got), len(wanted))
    if len(came) < len(wanted) and came == wanted[: len(came)]:
        return broken(items[-1:], end.at, expected=f"{len(wanted)} items", got=f"{len(came)}")
    if place < len(wanted):
        return broken(items[place], expected=f"item {wanted[place]} in place {place + 1}", got=f"item {came[place]}")
    if len(came) > len(wanted):
        return broken(items[len(wanted)], end.at, expected=f"{len(wanted)} items", got=f"{len(came)}")
    return held(items[:1], items[-1:], end.at)


def _lane(n: int, *numbers_: int, end: tuple[Event, ...] = TERMINAL) -> Spoken:
    items = tuple(item(k, number) for k, number in enumerate(numbers_))
    seen = (*opening(), *items, *end, *CLOSE)
    return Spoken(f"{LANES}{n}", seen, (Generate(3), Complete()), acts=(Ask(on=f"{LANES}1" if n > 1 else ""),))


MX_02 = Rule(
    id="MX-02",
    level=Level.MUST,
    sentence="Of many streams on one connection each shows all of its own items, in their order.",
    source="seed 002 'Multiplexing'; contract 5 and 6 (design 1)",
    why="One connection carries a whole page: a lost or foreign item in one of its streams is seen by nobody.",
    needs=("script", "mux", "feature:generate"),
    check=each_is_whole,
    good=(
        spoken(_lane(1, 1, 2, 3), _lane(2, 1, 2, 3), _lane(3, 1, 2, 3)),
        # more than it allows
        spoken(_lane(1, 1, 2, 3), _lane(2, 1, 2, 3), _lane(3, end=failed("RESOURCE_EXHAUSTED"))),
        spoken(_lane(1, 1, 2, 3), _lane(2, 1, end=(EOF,))),
    ),
    bad=(
        spoken(_lane(1, 1, 2, 3), _lane(2, 1, 3)),
        spoken(_lane(1, 1, 2), _lane(2, 1, 2, 3)),
        spoken(_lane(1, 1, 2, 3), _lane(2, 2, 1, 3)),
        spoken(_lane(1, 1, 2, 3, 4), _lane(2, 1, 2, 3)),
    ),
)


# -- CN-14: one is cancelled -------------------------------------------------------------------------------------------


def siblings_go_on(h: History) -> Iterator[Finding]:
    """The control is a pair of which nobody leaves: where that ends too, nobody's leaving is the reason."""
    control = [s for s in h.sessions("endless") if s.startswith(ALONE)]
    if any(standing.terminals(h, s) or standing.cut(h, s) or standing.reset(h, s) for s in control):
        yield unknown("streams of this target end by themselves")
        return
    stays = [s for s in h.sessions("endless") if s.startswith(STAYS)]
    yield from rounds(h, stays, _stays, "a stream fell silent when its neighbour was cancelled")


def _stays(h: History, session: str) -> Finding:
    at = next((at for other in others_on(h, session) if (at := first_act(h, other, WORD))), None)
    if at is None:
        return unknown("its neighbour was not cancelled")
    return goes_on(h, session, at, "a neighbour untouched by the cancel")


def _leave(n: int = 1, at_ms: float = 10) -> Spoken:
    seen = (*opening(), item(0), CANCELS, *CLOSE)
    return Spoken(f"{LEAVES}{n}", seen, acts=(Ask(on=f"{STAYS}{n}"),), start_ms=10e3 * n + at_ms)


def _pair(*after: Seen, n: int = 1) -> tuple[Spoken, Spoken]:
    return stay(*after, n=n), _leave(n)


_ALONE: Final = Spoken(f"{ALONE}1", (*opening(), item(0), item(1), *CLOSE))

CN_14 = Rule(
    id="CN-14",
    level=Level.MUST,
    sentence="Cancelling one stream leaves the others on its connection untouched.",
    source="RFC 9113 §5.4.2; contract 6 'Independent' (design 1); seed 002 'Multiplexing'",
    why="Closing one panel of a page must not end the others that share its connection.",
    needs=("mux", "cancel-word", "role:endless"),
    check=siblings_go_on,
    good=(
        spoken(_ALONE, *_pair(*ON)),
        spoken(*_pair(*SILENT), *_pair(*ON, n=2), *_pair(*ON, n=3)),
        # this target ends its streams itself
        spoken(Spoken(f"{ALONE}1", (*opening(), item(0), *TERMINAL)), *_pair(*TERMINAL)),
    ),
    bad=(
        spoken(_ALONE, *_pair(item(6), *failed())),
        spoken(_ALONE, *_pair(EOF)),
        spoken(_ALONE, *_pair(item(6), item(9), item(10))),
        spoken(*(one for n in (1, 2, 3) for one in _pair(*SILENT, n=n))),
    ),
)


# -- MX-08: more than are allowed --------------------------------------------------------------------------------------


def keeps_to_its_limit(h: History) -> Iterator[Finding]:
    most = h.header.declared.get("declares.max_streams")
    crowd = [s for s in named(h, CROWD) if h.first(Opened, s)]
    if not isinstance(most, int) or isinstance(most, bool) or len(crowd) <= most:
        yield unknown(f"it declares {most}, and {len(crowd)} streams were opened")
        return
    if any(connection(h, s) != connection(h, crowd[0]) for s in crowd):
        yield unknown("they did not share a connection")
        return
    served = [r for s in crowd if (r := next(iter(standing.items(h, s)), None))]
    refused = [r for s in crowd for r in standing.terminals(h, s)[:1] if isinstance(r.event, Failed)]
    last = h.records[-1] if not served else max(served, key=lambda r: r.index)
    if closed := next((end for s in crowd if (end := gone(h, s, h.records[0]))), None):
        yield broken(served[:1], closed, expected=f"{most} streams that go on", got="the connection was closed")
    elif len(served) > most and not any(standing.terminals(h, s) for s in crowd if _is_served(h, s)):
        yield broken(served[most], last, expected=f"at most {most} streams at once", got=f"{len(served)}")
    elif served and refused:
        yield held(served[0], last, refused[0])
    else:
        yield unknown("more are opened, and wait for their turn", served[:1])


def _is_served(h: History, session: str) -> bool:
    return bool(standing.items(h, session))


def _crowd(*seen: tuple[Event, ...]) -> History:
    streams = (
        Spoken(f"{CROWD}{n}", (ASK, WS_OPEN, *events), (Generate(1), Gate("shut")),
               acts=(Ask(on=f"{CROWD}1" if n > 1 else ""),))
        for n, events in enumerate(seen, 1)
    )  # fmt: skip
    return spoken(*streams, declared={"declares.max_streams": 2, "profile.terminal": True})


_ONE: Final = (item(0),)

MX_08 = Rule(
    id="MX-08",
    level=Level.SHOULD,
    sentence="Beyond the declared number of streams at once a further one is refused, or waits; the others go on.",
    source="RFC 9113 §5.1.2; docs/contract.md `max_streams`",
    why="A client that opens one stream too many must lose that one, and not all that it has.",
    needs=("script", "mux", "feature:max_streams", "feature:gate"),
    on=("ws", "tcp"),  # over HTTP/2 the limit is told, and no client of ours goes beyond it
    check=keeps_to_its_limit,
    good=(
        _crowd(_ONE, _ONE, failed("RESOURCE_EXHAUSTED")),
        # it lets the third wait
        _crowd(_ONE, _ONE, (Expired("look_ms", 2_000),)),
        # one ended meanwhile
        _crowd((*_ONE, *TERMINAL), _ONE, _ONE),
    ),
    bad=(_crowd(_ONE, _ONE, _ONE), _crowd((*_ONE, EOF), (*_ONE, EOF), (EOF,))),
)
