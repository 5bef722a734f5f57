"""DR and BP: both directions at once. One that stands still does not hold up the other; two that do are ended.

Never here: who speaks first (`directions_both`), or how much a server takes in of what it does not read (`uploads`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.contract import BOTH_WAYS
from streamspec.harness.core.event import Closed, Completed, Did, Expired, Failed, Said
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask, Say
from streamspec.harness.core.steps import Complete, Drain, Echo, Gate, Generate, Receive
from streamspec.harness.core.written import CLOSE, EOF, item
from streamspec.harness.rules._accounts import budget_ns, stood_still_ourselves
from streamspec.harness.rules._both_ways import (
    FINISH,
    SAY,
    TERMINAL,
    Spoken,
    acts_of,
    due,
    ended,
    failed,
    first_act,
    named,
    opening,
    rounds,
    said,
    spoken,
    told,
)
from streamspec.harness.rules._scripted import LATE, parked
from streamspec.harness.rules._scripted_ends import both, ending

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.script import Act

    Seen = Event | float | Mapping[str, int | str]

EARLY: Final = "script-early-"  # a server that is done before its client is
DEAF: Final = "script-deaf-"  # a client that speaks and does not read
MUTE: Final = "script-mute-"  # a server that sends and does not take
STUCK: Final = "script-stuck-"  # both of them
COUNTS: Final = ("script-none-", "script-two-")  # clients that say no item, or two, where one is due
_GO: Final = "go"
_LEAST: Final = 20  # items behind the moment at which the other direction stood still


# -- DR-06: done before its client -------------------------------------------------------------------------------------


def bears_what_comes_behind_its_end(h: History) -> Iterator[Finding]:
    """Where the carrier itself tells who speaks that the other side is done (END_STREAM, RFC 9113 §8.1), none of it is
    the server's."""
    what = "what was said behind its end found no taker, and no end"
    yield from rounds(h, named(h, EARLY), _bears, what)


def _bears(h: History, session: str) -> Finding:
    done = next(iter(standing.terminals(h, session)), None)
    late = next((r for r in acts_of(h, session, "say") if done and r.index > done.index), None)
    if not done or not late or not isinstance(done.event, Completed):
        return unknown("it did not complete before we had said all")
    handed = [r for r in h.of(Said, session) if r.index > late.index]
    if stuck := next((r for r in standing.expired(h, session, "say_ms") if r.index > late.index), None):
        got = f"{said(h, session)[0]} of {due(h, session)} items were taken, and the connection still stands"
        return broken(done, late, stuck, expected="what is said behind the end is dropped, or refused", got=got)
    return held(done, late, handed[-1]) if handed else unknown("nothing was said behind its end", done)


def _early(*after: Seen, n: int = 1) -> Spoken:
    seen = (*opening(), SAY, Said(1, 7), *TERMINAL, *after)
    return Spoken(f"{EARLY}{n}", seen, (Receive(1), Complete()), "bidi", (Ask(), Say(1), Say(9)), 30e3 * n)


_TAKES_NO_MORE: Final = (SAY, 10_000, Said(4, 70), Expired("say_ms", 10_000), *CLOSE)

DR_06 = Rule(
    id="DR-06",
    level=Level.MUST,
    sentence="Where a server ends its stream before its client has said all, the client's saying comes to an end.",
    source="seed 001 (Send returns io.EOF when the server is done); gRPC core concepts",
    why="A client that is in the middle of an upload learns of a refusal by its next send, or hangs in it for ever.",
    needs=("direction:bidi", "feature:receive"),
    on=("ws", "tcp"),
    check=bears_what_comes_behind_its_end,
    good=(
        # all of it is taken, and dropped
        spoken(_early(SAY, Said(10, 70), *CLOSE)),
        # the connection is closed, or reset: an outcome as well
        spoken(_early(SAY, Said(3, 70), EOF)),
        spoken(_early(*_TAKES_NO_MORE), _early(SAY, Said(10, 70), n=2), _early(SAY, Said(10, 70), n=3)),
    ),
    bad=(spoken(*(_early(*_TAKES_NO_MORE, n=n) for n in (1, 2, 3))),),
)


# -- DR-10: full duplex ------------------------------------------------------------------------------------------------


def takes_while_it_cannot_send(h: History) -> Iterator[Finding]:
    what = "what we said was not taken while its own send waited"
    yield from rounds(h, named(h, DEAF), _takes, what)


def _takes(h: History, session: str) -> Finding:
    """The handler drains, and its own sends wait, since we do not read."""
    say, received = first_act(h, session, "say"), told(h, session, "received")
    n = said(h, session)[0]
    waits = parked(h, session, float("inf"))
    if say is None or not n or not waits:
        return unknown("no send was seen to wait while we said something", say)
    since = accounts.after(received, say)
    if taken := next((f for f in since if f.value >= n), None):
        return held(waits[0].record, waits[1].record, say, taken.record)
    late = accounts.late(since, say, LATE * budget_ns(h, "learn_ms"))
    if not late or stood_still_ourselves(h, say, late[-1].record):
        return unknown("it was not seen for long enough what it took", say)
    got = f"{late[-1].value} of {n} {(late[-1].asked_ns - say.t_ns) / 1e9:.1f} s later"
    wanted = "what we say is taken, though we do not read"
    return broken(waits[0].record, say, late[-1].record, expected=wanted, got=got)


def sends_while_it_does_not_take(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, MUTE), _sends, "its items stood still while ours did")


def _sends(h: History, session: str) -> Finding:
    """The handler takes nothing, so that our own items stand still, and sends when we open its gate then."""
    say, gate = first_act(h, session, "say"), accounts.opened_gate(h, session, _GO)
    stood = next(iter(standing.expired(h, session, "steady_ms", "say_ms")), None)
    if not say or not stood or not gate or gate.index < stood.index:
        return unknown("our items did not stand still before it was to send", say)
    since = [r for r in standing.items(h, session) if r.index > gate.index]
    if len(since) >= _LEAST:
        return held(say, stood, gate, since[-1])
    wait = next((r for r in standing.expired(h, session, "item_ms") if r.index > gate.index), None)
    if wait is None or ended(h, session, say):
        return unknown("it was not read for long enough, or ended", stood)
    got = f"{len(since)} in {wait.t_ns / 1e9 - gate.t_ns / 1e9:.1f} s"
    return broken(say, stood, gate, wait, expected="its items come while ours stand still", got=got)


def _deaf(*after: Seen, n: int = 1) -> Spoken:
    blocked: dict[str, int | str] = {"produced": 60, "sending": 1, "received": 0}
    seen = (*opening(), blocked, 100, blocked, SAY, Said(50, 350), *after, *CLOSE)
    return Spoken(f"{DEAF}{n}", seen, (Drain(), Generate(bytes=4_000)), "bidi", start_ms=20e3 * n)


def _mute(*after: Seen, n: int = 1) -> Spoken:
    stands = (SAY, 500, Said(60, 4_000_000), Expired("steady_ms", 500))
    seen = (*opening(), item(0), *stands, Did(f"open:{_GO}"), *after, *CLOSE)
    return Spoken(f"{MUTE}{n}", seen, (Generate(1), Gate(_GO), Generate(40)), "bidi", start_ms=20e3 * n)


_NOT_TAKEN: Final[Seen] = {"produced": 60, "sending": 1, "received": 3}
_IN_VAIN: Final = (4_900, _NOT_TAKEN)
_GO_ON: Final = tuple(item(n) for n in range(1, 30))
_STAND: Final[tuple[Seen, ...]] = (item(2), 5_000, Expired("item_ms", 5_000))

DR_10 = Rule(
    id="DR-10",
    level=Level.MUST,
    sentence="A direction that stands still does not hold up the other one.",
    source="seed 001 'Bidirectional streaming' (independent streams); gRPC core concepts",
    why="A client that uploads before it reads, and a server that answers before it takes, would wait for each other.",
    needs=("direction:bidi", "feature:generate", "feature:drain|feature:gate"),
    on=BOTH_WAYS,
    check=both(takes_while_it_cannot_send, sends_while_it_does_not_take),
    good=(
        spoken(_deaf(50, {"received": 50})),
        spoken(_mute(*_GO_ON)),
        spoken(_deaf(*_IN_VAIN), _deaf(50, {"received": 50}, n=2), _deaf(50, {"received": 50}, n=3)),
        # seen for too short a time
        spoken(*(_deaf(100, _NOT_TAKEN, n=n) for n in (1, 2, 3))),
        # it ends a stream whose items it does not take: a policy
        spoken(*(_mute(*failed("RESOURCE_EXHAUSTED"), n=n) for n in (1, 2, 3))),
    ),
    bad=(
        spoken(*(_deaf(*_IN_VAIN, n=n) for n in (1, 2, 3))),
        spoken(*(_mute(*_STAND, n=n) for n in (1, 2, 3))),
    ),
)


# -- DR-11: one is due -------------------------------------------------------------------------------------------------


def one_is_due(h: History) -> Iterator[Finding]:
    for kind, how in zip(COUNTS, ("no item", "two items"), strict=True):
        yield from rounds(h, named(h, kind), _counted, f"{how} where one was due got no answer in time")


def _counted(h: History, session: str) -> Finding:
    finish, end = first_act(h, session, "finish"), ending(h, session)
    n = said(h, session)[0]
    if finish is None or n != due(h, session):
        return unknown("we did not say what was to be refused")
    if end.how == "failure":
        return held(finish, end.at)
    if not end.how:
        return unknown(end.worded, end.at)
    return broken(finish, end.at, expected=f"an error: {n} items came where one is due", got=end.worded)


def _unary(*after: Seen, n: int = 1, items: int = 0) -> Spoken:
    says = (SAY, Said(items, 7 * items)) if items else ()
    acts: tuple[Act, ...] = (Ask(), Say(items)) if items else (Ask(),)
    seen = (*opening(), *says, FINISH, *after, *CLOSE)
    return Spoken(f"{COUNTS[items > 0]}{n}", seen, (Echo(1),), "unary", acts, 9e3 * n)


_HANGS: Final[tuple[Seen, ...]] = (5_000, Expired("item_ms", 5_000))

DR_11 = Rule(
    id="DR-11",
    level=Level.SHOULD,
    sentence="No item, or two, where one is due is answered with an error, and in time.",
    source="gRPC status codes (UNIMPLEMENTED: cardinality violation); docs/contract.md `unary`",
    why="A request without its argument would be answered as if it had one, or never.",
    needs=("direction:unary", "half-close"),
    on=("ws", "tcp"),
    check=one_is_due,
    good=(
        spoken(_unary(*failed("INVALID_ARGUMENT"))),
        spoken(_unary(*failed("UNIMPLEMENTED"), items=2)),
        spoken(_unary(*_HANGS), *(_unary(*failed("INTERNAL"), n=n) for n in (2, 3))),
    ),
    bad=(
        spoken(_unary(*TERMINAL)),
        spoken(_unary(item(0), *TERMINAL, items=2)),
        spoken(*(_unary(*_HANGS, n=n) for n in (1, 2, 3))),
    ),
)


# -- BP-16: both stand still -------------------------------------------------------------------------------------------


def ends_a_deadlock(h: History) -> Iterator[Finding]:
    yield from rounds(h, named(h, STUCK), _freed, "two that wait for each other were not told that their time was up")


def _freed(h: History, session: str) -> Finding:
    ask, limit_ms = accounts.asked(h, session), h.options(session).get("deadline_ms")
    if ask is None or not isinstance(limit_ms, int):
        return unknown("there was no deadline")
    over_ns = ask.t_ns + limit_ms * 1e6
    stood = next(iter(standing.expired(h, session, "steady_ms")), None)
    waits = parked(h, session, over_ns)
    if not stood or not waits or stood.t_ns > over_ns:
        return unknown("the two directions did not both stand still before the deadline")
    marks = standing.terminals(h, session)
    if marks and isinstance(marks[0].event, Completed):
        return broken(stood, waits[1].record, marks[0], expected="an error, when the time is up", got="success")
    shown = marks[:1] or standing.theirs(h, Closed, session)[:1]
    since = accounts.after(told(h, session, "sending"), waits[1].record)
    free = next((f for f in since if not f.value), None) or next(
        (f for f in told(h, session, "ended") if f.value), None
    )
    if shown or free:
        return held(stood, waits[1].record, free.record if free else None, shown)
    late = accounts.late(since, ask, limit_ms * 1e6 + LATE * budget_ns(h, "learn_ms"))
    if not late or stood_still_ourselves(h, stood, late[-1].record):
        return unknown("it was not seen for long enough", stood)
    got = f"neither has moved {(late[-1].asked_ns - over_ns) / 1e9:.1f} s later"
    wanted = "two that wait for each other are told that their time is up"
    return broken(stood, waits[1].record, late[-1].record, expected=wanted, got=got)


_LIMIT: Final = {"deadline_ms": 2_500}


def _stuck(*after: Seen, n: int = 1, at_ms: float = 100) -> Spoken:
    blocked: dict[str, int | str] = {"produced": 60, "sending": 1, "ended": 0}
    seen = (*opening(), SAY, 500, Said(70, 70), Expired("steady_ms", 500), at_ms, blocked, 100, blocked, *after)
    return Spoken(
        f"{STUCK}{n}", seen, (Generate(bytes=4_000),), "bidi", start_ms=20e3 * n, options={"deadline_ms": 2_500}
    )


_FOR_EVER: Final[tuple[Seen, ...]] = (7_500, {"ended": 0, "produced": 60, "sending": 1}, *CLOSE)

BP_16 = Rule(
    id="BP-16",
    level=Level.SHOULD,
    sentence="Two that write to each other and do not read are told when their time is up.",
    source="seed 001 'Bidirectional streaming' and its deadlines; contract 2 (design 1)",
    why="A deadlock that nobody ends keeps both sides, and all that they hold, until somebody restarts them.",
    needs=("direction:bidi", "feature:generate", "feature:deadline_ms"),
    on=BOTH_WAYS,
    check=ends_a_deadlock,
    good=(
        spoken(_stuck(2_000, {"ended": 1}, Failed("TIMED_OUT"), *CLOSE)),
        spoken(_stuck(2_000, {"sending": 0}, *CLOSE)),
        # it tells nothing, and its error comes when we read on
        spoken(_stuck(2_000, Failed("TIMED_OUT"), *CLOSE)),
        spoken(_stuck(2_000, EOF)),
        spoken(_stuck(*_FOR_EVER), _stuck(2_000, {"ended": 1}, n=2), _stuck(2_000, {"ended": 1}, n=3)),
        # nothing stood still until it was over
        spoken(*(_stuck(*_FOR_EVER, n=n, at_ms=3_000) for n in (1, 2, 3))),
    ),
    bad=(
        spoken(*(_stuck(*_FOR_EVER, n=n) for n in (1, 2, 3))),
        spoken(*(_stuck(2_000, *TERMINAL, *CLOSE, n=n) for n in (1, 2, 3))),
    ),
)
