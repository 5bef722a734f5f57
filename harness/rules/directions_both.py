"""DR: streams in which the client speaks as well: who speaks when, and what a half-close means.

Never here: what becomes of a client that is not read (`uploads`), or of both directions at once (`duplex`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.contract import BOTH_WAYS
from streamspec.harness.core.event import Expired, Item, Said
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.saying import said_item
from streamspec.harness.core.script import Ask, Say
from streamspec.harness.core.steps import Collect, Complete, Echo, Generate, Receive
from streamspec.harness.core.written import CLOSE, EOF, item
from streamspec.harness.rules._both_ways import (
    FINISH,
    SAY,
    TERMINAL,
    Spoken,
    acts_of,
    due,
    failed,
    first_act,
    named,
    opening,
    rounds,
    said,
    shown,
    spoken,
    sum_item,
    summed,
)
from streamspec.harness.rules._scripted_ends import ending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

COLLECTS: Final = "script-collect-"  # a handler that takes everything and answers once
PINGS: Final = "script-ping-"  # one that answers each item of ours
SPEAKS_FIRST: Final = "script-first-"  # one that sends before it takes anything
OUTLIVES: Final = "script-outlive-"  # one that takes everything, and sends then
NOTHING: Final = "script-nothing-"  # clients that half-close without an item


# -- DR-02: collect ----------------------------------------------------------------------------------------------------


def collects_once(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, COLLECTS), _collected, "its one answer did not come in time")


def _collected(h: History, session: str) -> Finding:
    finish, items = first_act(h, session, "finish"), standing.items(h, session)
    if early := next((r for r in items if finish is None or r.index < finish.index), None):
        return broken(early, finish, expected="no item before the half-close", got=shown(early))
    n = said(h, session)[0]
    if finish is None or n != due(h, session):
        return unknown(f"{n} of our {due(h, session)} items were said")
    if len(items) > 1:
        return broken(finish, items[1], expected="one item", got=f"{len(items)}: {shown(items[1])}")
    return summed(h, session, finish, items[0]) if items else _unanswered(h, session, finish, n)


def _unanswered(h: History, session: str, finish: Record, n: int) -> Finding:
    end = ending(h, session)
    if end.how in {"success", "bare", "open"}:
        wanted = f"one item that says that {n} came"
        return broken(finish, end.at, expected=wanted, got=f"no item, and {end.worded}")
    return unknown(end.worded, end.at)


_BYTES_OF_TWO: Final = len(said_item(1)) + len(said_item(2))
_TWO: Final = (SAY, Said(2, _BYTES_OF_TWO))


def _sum(count: int, octets: int = _BYTES_OF_TWO) -> Item:
    return sum_item(count, octets)


def _collect(*after: Event | float, n: int = 1, before: tuple[Event, ...] = ()) -> Spoken:
    seen = (*opening(), *_TWO, *before, FINISH, *after, *CLOSE)
    return Spoken(f"{COLLECTS}{n}", seen, (Collect(),), "client", (Ask(), Say(2)), start_ms=9e3 * n)


_NEVER: Final[tuple[Event | float, ...]] = (5_000, Expired("item_ms", 5_000))

DR_02 = Rule(
    id="DR-02",
    level=Level.MUST,
    sentence="A handler that collects what its client says answers once, behind the half-close, with all of it.",
    source="seed 001 'Client streaming' (SendAndClose); docs/contract.md `collect`",
    why="An upload whose answer comes too early, or counts too little, has lost data without a word.",
    needs=("direction:client", "half-close", "feature:collect"),
    on=BOTH_WAYS,
    check=collects_once,
    good=(
        spoken(_collect(_sum(2), *TERMINAL)),
        # it failed by itself: no answer is wrong, and none is right
        spoken(_collect(*failed("UNAVAILABLE"))),
        # late twice, in time once
        spoken(_collect(*_NEVER), _collect(*_NEVER, n=2), _collect(_sum(2), *TERMINAL, n=3)),
        # what `bytes` counts it need not say
        spoken(_collect(Item(0, 11, "s", '{"count":2}', 0), *TERMINAL)),
    ),
    bad=(
        spoken(_collect(_sum(1), *TERMINAL)),
        spoken(_collect(_sum(2, _BYTES_OF_TWO - 1), *TERMINAL)),
        spoken(_collect(_sum(2), _sum(2), *TERMINAL)),
        spoken(_collect(*TERMINAL, before=(_sum(2),))),
        spoken(_collect(*TERMINAL)),
        spoken(*(_collect(*_NEVER, n=n) for n in (1, 2, 3))),
    ),
)


# -- DR-03: ping and pong ----------------------------------------------------------------------------------------------


def replies_before_the_next(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, PINGS), _replied, "a reply came only when more had been said")


def _replied(h: History, session: str) -> Finding:
    """Reply i between what we said for the i-th time and what we did next."""
    says, items = acts_of(h, session, "say"), standing.items(h, session)
    nexts = [*says, *acts_of(h, session, "finish")]
    if len(nexts) < 2 or said(h, session)[0] < len(says):
        return unknown("too little was said")
    for n, (say, after) in enumerate(pairwise(nexts), 1):
        came = [r for r in items if r.index < after.index]
        if wrong := next((r for r in came if isinstance(r.event, Item) and r.event.seq != r.event.n + 1), None):
            return broken(say, wrong, expected="our own items back, in their order", got=shown(wrong))
        if len(came) > n:
            return broken(say, came[n], expected=f"{n} replies to {n} items", got=f"{len(came)}")
        if len(came) < n:
            return _missing(h, session, n, say, after)
    if len(items) < len(says):
        return unknown("not every item of ours was replied to, and we did not half-close", says[-1])
    return held(says[0], items[0], says[-1], items[len(says) - 1])


def _missing(h: History, session: str, n: int, say: Record, after: Record) -> Finding:
    wait = next((r for r in standing.expired(h, session) if say.index < r.index < after.index), None)
    late = next((r for r in standing.items(h, session) if r.index > after.index), None)
    end = ending(h, session)
    wanted = f"reply {n} before anything else is said"
    if wait and late:
        return broken(say, wait, after, late, expected=wanted, got="it came when more had been said")
    if wait and end.how == "success":
        return broken(say, wait, end.at, expected=wanted, got="no reply, and the end as after success")
    return unknown(f"it did not reply: {end.worded}", say, end.at)


def _pinged(*seen: Event | float, n: int = 1) -> Spoken:
    return Spoken(f"{PINGS}{n}", (*opening(), *seen, *CLOSE), (Echo(),), "bidi", start_ms=30e3 * n)


_PING_1: Final = (SAY, Said(1, 7))
_PING_2: Final = (SAY, Said(2, 14))
_WAIT: Final[tuple[Event | float, ...]] = (5_000, Expired("item_ms", 5_000))
_HELD_UP: Final = (*_PING_1, *_WAIT, *_PING_2, *_WAIT, FINISH, item(0), item(1), *TERMINAL)

DR_03 = Rule(
    id="DR-03",
    level=Level.MUST,
    sentence="A handler that answers each item of its client does so before the next one is said.",
    source="seed 001 'Bidirectional streaming' (Chat); gRPC core concepts (ping-pong); docs/contract.md `echo`",
    why="A conversation in which every answer waits for the next question stands still at the first.",
    needs=("direction:bidi", "feature:echo"),
    on=BOTH_WAYS,
    check=replies_before_the_next,
    good=(
        spoken(_pinged(*_PING_1, item(0), *_PING_2, item(1), FINISH, *TERMINAL)),
        # it failed, and says so
        spoken(_pinged(*_PING_1, item(0), *_PING_2, *failed("UNAVAILABLE"))),
        # late once
        spoken(
            _pinged(*_HELD_UP),
            *(_pinged(*_PING_1, item(0), *_PING_2, item(1), FINISH, *TERMINAL, n=n) for n in (2, 3)),
        ),
    ),
    bad=(
        spoken(*(_pinged(*_HELD_UP, n=n) for n in (1, 2, 3))),
        spoken(_pinged(*_PING_1, item(0), item(1), *_PING_2, FINISH, *TERMINAL)),
        spoken(_pinged(*_PING_1, item(0), *_PING_2, item(1, 1), FINISH, *TERMINAL)),
        spoken(*(_pinged(*_PING_1, *_WAIT, *_PING_2, *_WAIT, FINISH, *TERMINAL, n=n) for n in (1, 2, 3))),
    ),
)


# -- DR-04: who speaks first -------------------------------------------------------------------------------------------


def speaks_unasked(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, SPEAKS_FIRST), _speaks_first, "its items came only when the client had said one")


def _speaks_first(h: History, session: str) -> Finding:
    """The control is what comes when we have said an item: who sends nothing then either, is broken otherwise."""
    say, items = first_act(h, session, "say"), standing.items(h, session)
    if items and (say is None or items[0].index < say.index):
        return held(items[0], say)
    wait = next((r for r in standing.expired(h, session) if say and r.index < say.index), None)
    if wait and items:
        return broken(
            wait, say, items[0], expected="items before the client says any", got="they came behind its first"
        )
    return unknown("its items did not come, asked or not")


def _first(*seen: Event | float, n: int = 1) -> Spoken:
    steps = (Generate(2), Echo())
    return Spoken(f"{SPEAKS_FIRST}{n}", (*opening(), *seen, FINISH, *TERMINAL, *CLOSE), steps, "bidi", start_ms=9e3 * n)


_WAITS_FOR_US: Final = (*_WAIT, *_PING_1, item(0), item(1), item(2, 1))

DR_04 = Rule(
    id="DR-04",
    level=Level.SHOULD,
    sentence="A handler may speak before its client has said an item.",
    source="gRPC core concepts (the two streams are independent); seed 002 'Directions'; docs/contract.md",
    why="A server that greets, or pushes unasked, is heard only by clients that happen to speak first.",
    needs=("direction:bidi", "feature:generate"),
    on=BOTH_WAYS,
    check=speaks_unasked,
    good=(
        spoken(_first(item(0), item(1), *_PING_1, item(2, 1))),
        spoken(_first(*_WAITS_FOR_US), _first(item(0), item(1), n=2), _first(item(0), item(1), n=3)),
        # it never sends anything
        spoken(*(_first(*_WAIT, *_PING_1, n=n) for n in (1, 2, 3))),
    ),
    bad=(spoken(*(_first(*_WAITS_FOR_US, n=n) for n in (1, 2, 3))),),
)


# -- DR-05: behind a half-close ----------------------------------------------------------------------------------------


def goes_on_behind_the_half_close(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, OUTLIVES), _outlives, "nothing came behind our half-close")


def _outlives(h: History, session: str) -> Finding:
    finish = first_act(h, session, "finish")
    if finish is None:
        return unknown("we did not half-close")
    sent = sum(step.n for step in h.steps(session) if isinstance(step, Generate))
    came = [r for r in standing.items(h, session) if r.index > finish.index]
    end = ending(h, session)
    if end.how == "success" and len(came) >= sent:
        return held(finish, came[0], came[-1], end.at)
    if end.how:
        got = f"{len(came)}, and {end.worded}"
        return broken(finish, end.at, expected=f"{sent} items behind the half-close, and success", got=got)
    return unknown(end.worded, end.at)


def _outlived(*after: Event | float, n: int = 1) -> Spoken:
    steps = (Receive(), Generate(3), Complete())
    return Spoken(f"{OUTLIVES}{n}", (*opening(), *_TWO, FINISH, *after), steps, "bidi", start_ms=9e3 * n)


_THREE: Final = (item(0), item(1), item(2))

DR_05 = Rule(
    id="DR-05",
    level=Level.MUST,
    sentence="When the client has half-closed, the server can still send, and end well.",
    source="seed 001 (CloseSend); gRPC over HTTP/2 (END_STREAM of one side); docs/contract.md",
    why="A server that takes the end of the questions for the end of the talk never answers the last one.",
    needs=("direction:bidi", "half-close", "feature:receive", "feature:generate"),
    on=BOTH_WAYS,
    check=goes_on_behind_the_half_close,
    good=(
        spoken(_outlived(*_THREE, *TERMINAL, *CLOSE)),
        spoken(_outlived(*_NEVER, *CLOSE), *(_outlived(*_THREE, *TERMINAL, *CLOSE, n=n) for n in (2, 3))),
        # we left it before it ended
        spoken(_outlived(item(0), *CLOSE)),
    ),
    bad=(
        spoken(_outlived(*TERMINAL, *CLOSE)),
        spoken(_outlived(item(0), EOF)),
        spoken(_outlived(*failed(), *CLOSE)),
        spoken(*(_outlived(*_NEVER, *CLOSE, n=n) for n in (1, 2, 3))),
    ),
)


# -- DR-07: no item at all ---------------------------------------------------------------------------------------------


def nothing_is_an_input(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, NOTHING), _of_nothing, "a stream without an item of ours did not end")


def _of_nothing(h: History, session: str) -> Finding:
    finish, end, items = first_act(h, session, "finish"), ending(h, session), standing.items(h, session)
    if finish is None or first_act(h, session, "say") or not end.how:
        return unknown(end.worded if finish else "we did not half-close without an item", end.at)
    counts = Collect() in h.steps(session)
    if end.how == "success" and len(items) == counts:
        return summed(h, session, finish, items[0]) if counts else held(finish, end.at)
    wanted = "a count of 0, and success" if counts else "no item, and success"
    return broken(finish, items[:1], end.at, expected=wanted, got=f"{len(items)} items, and {end.worded}")


def _no_item(*after: Event | float, n: int = 1, collect: bool = False) -> Spoken:
    steps = (Collect(),) if collect else (Echo(),)
    seen = (*opening(), FINISH, *after, *CLOSE)
    return Spoken(f"{NOTHING}{n}", seen, steps, "client" if collect else "bidi", start_ms=9e3 * n)


DR_07 = Rule(
    id="DR-07",
    level=Level.MUST,
    sentence="A client that half-closes without an item is served: nothing is an input, too.",
    source="gRPC interop `empty_stream`; seed 001 (io.EOF at once)",
    why="An empty upload is what a cron job sends on a quiet day: it must neither fail nor hang.",
    needs=("direction:bidi|direction:client", "half-close", "feature:echo|feature:collect"),
    on=BOTH_WAYS,
    check=nothing_is_an_input,
    good=(
        spoken(_no_item(*TERMINAL)),
        spoken(_no_item(_sum(0, 0), *TERMINAL, collect=True)),
        spoken(_no_item(*_NEVER), _no_item(*TERMINAL, n=2), _no_item(*TERMINAL, n=3)),
    ),
    bad=(
        spoken(_no_item(*failed("INVALID_ARGUMENT"))),
        spoken(_no_item(item(0), *TERMINAL)),
        spoken(_no_item(*TERMINAL, collect=True)),
        spoken(_no_item(_sum(1, 0), *TERMINAL, collect=True)),
        spoken(*(_no_item(*_NEVER, n=n) for n in (1, 2, 3))),
    ),
)
