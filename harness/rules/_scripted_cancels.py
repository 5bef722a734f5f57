"""CN on scripted servers: what a handler is told when its client leaves, and that a race has one outcome for it.

Three rounds out of three count, as for other servers. Never here: a rule (they are in `cancellation_objects`,
`leaving_learnt` and `scripted_cancels`), or whether production stops (`leaving`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Did
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.script import SCRIPT
from streamspec.harness.core.written import ASK, CANCEL, ENDED, EOF, account, head, item, told, written
from streamspec.harness.rules._accounts import TIMES, Leave, budget_ns, did, every_time, leaves, stood_still_ourselves
from streamspec.harness.rules._scripted import LATE, called, said, streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Evidence
    from streamspec.harness.core.written import Row

SENDS: Final = "script-sends-"  # a handler that keeps sending, and whose client leaves
RESTS: Final = "script-rests-"  # one that waits for something to send
WAITS: Final = "script-waits-"  # one that is blocked in a send when its client leaves
RACES: Final = "script-races-"  # one that completes at about the time at which its client leaves
ENDS: Final = "script-ends-"  # the control of those: it is read to its end
CANCELLED: Final = "CANCELLED"


# -- who keeps sending -------------------------------------------------------------------------------------------------


def senders_learn(h: History) -> Iterator[Finding]:
    """A handler that sends as long as it can: whatever tells it counts."""
    yield from every_time([_learns(h, leave) for leave in _left(h, SENDS)], _LATE)
    yield from _unopened(h, SENDS)


def senders_are_told_cancelled(h: History) -> Iterator[Finding]:
    """The half of CN-01 about servers: those whose witness has names for what a handler learns."""
    yield from every_time([_is_named(h, leave, _learns(h, leave)) for leave in _left(h, SENDS)], _LATE)
    # That a blocked send is let go at all is BP-09's.
    yield from every_time([_is_named(h, leave, _knows(h, leave)) for leave in _left(h, WAITS)], _LATE)
    yield from (*_unopened(h, SENDS), *_unopened(h, WAITS))


_LATE: Final = "its handler had not learnt some time after its client had left"


def _left(h: History, prefix: str) -> tuple[Leave, ...]:
    return tuple(leave for leave in leaves(h, SCRIPT) if leave.session.startswith(prefix))


def _unopened(h: History, prefix: str) -> Iterator[Finding]:
    yield from (unknown(why) for session in streams(h, prefix) if (why := standing.not_opened(h, session)))


def idle_handlers_learn(h: History) -> Iterator[Finding]:
    """The half of CN-02: handlers that wait at a gate which nobody opens, each watched on its own."""
    found = []
    for leave in _left(h, RESTS):
        knows = _knows(h, leave)
        seen = accounts.after(accounts.of_this(h, leave.session, "cancel_seen"), leave.at)
        last = accounts.late(seen, leave.at, LATE * budget_ns(h, "learn_ms"))
        if knows.stance == "held" or knows.evidence or not last:
            found.append(knows)
        elif stood_still_ourselves(h, leave.at, last[-1].record):
            found.append(unknown("this machine stood still meanwhile", leave.at))
        else:
            got = f"it had not learnt of it {(last[-1].asked_ns - leave.at.t_ns) / 1e9:.1f} s later"
            wanted = "a handler that waits is told that its client has left, without having to send"
            found.append(broken(leave.seen, leave.at, last[-1].record, expected=wanted, got=got))
    yield from every_time(found, _LATE)
    yield from _unopened(h, RESTS)


def _knows(h: History, leave: Leave) -> Finding:
    """Held when the handler did not know of the leaving before, and did so afterwards."""
    seen = accounts.of_this(h, leave.session, "cancel_seen")
    if not (before := accounts.until(seen, leave.at)) or before[-1].value:
        return unknown("nothing says that its handler did not know already when we left", leave.at)
    knows = next((f for f in accounts.after(seen, leave.at) if f.value), None)
    return held(leave.seen, before[-1].record, leave.at, knows.record) if knows else unknown("it did not learn of it")


def _learns(h: History, leave: Leave) -> Finding:
    knows = _knows(h, leave)
    if knows.stance == "held" or knows.evidence:
        return knows
    seen = accounts.after(accounts.of_this(h, leave.session, "cancel_seen"), leave.at)
    last = accounts.late(seen, leave.at, LATE * budget_ns(h, "learn_ms"))
    sent = accounts.after(accounts.of_this(h, leave.session, "sent"), leave.at)
    if not last or stood_still_ourselves(h, leave.at, last[-1].record):
        return unknown("it was not seen for long enough after we left", leave.at)
    if not sent or sent[-1].value <= sent[0].value:
        return unknown("its handler was not seen to go on sending", leave.at)
    more, since_s = sent[-1].value - sent[0].value, (last[-1].asked_ns - leave.at.t_ns) / 1e9
    got = f"{since_s:.1f} s and {more} sends later it had not learnt of it"
    evidence = (leave.seen, leave.at, sent[0].record, last[-1].record)
    return broken(*evidence, expected="a handler that keeps sending learns that its client has left", got=got)


def _is_named(h: History, leave: Leave, found: Finding) -> Finding:
    """What was learnt, held to its name."""
    if found.stance != "held":
        return found
    if not (code := said(h, leave.session, "cancel_code", leave.at)):
        return unknown("it learnt of it, and under no name", leave.at)
    if code[1] != CANCELLED:
        return broken(leave.seen, leave.at, code[0], expected=f"its handler is told {CANCELLED}", got=code[1])
    return held(leave.seen, leave.at, code[0])


def left(*codes: str | None, kind: str = SENDS, sends: int = 20, watched_ms: int = 5_000, knew: int = 0) -> History:
    """By hand: rounds in which the handler learns of the leaving within 100 ms, under this name (empty for none), or
    not at all, and sends so many items in 100 ms."""
    rows: list[Row] = []
    for n, code in enumerate(codes, 1):
        session, start_ms = f"{kind}{n}", 10_000.0 * n
        rows += told(session, ASK, head(), item(0), start_ms=start_ms)
        before = account(start_ms + 5, cancel_seen=knew, sent=1)
        rows += told(session, before, Did("cancel:fin"), CANCEL[1], start_ms=start_ms + 6)
        for later_ms in (100, 105) if code is not None else range(100, watched_ms + 1, 100):
            at_ms = start_ms + 10 + later_ms
            sent = 1 + sends * (later_ms // 100 if code is None else 0)
            name = {"cancel_code": code} if code else {}
            rows.append((session, at_ms, account(at_ms, cancel_seen=int(code is not None), sent=sent, **name)))
    return written(*rows)


LEARN: Final = (
    left("", "", ""),
    left("CANCELLED", "UNAVAILABLE", ""),
    # late twice, in time once
    left(None, None, ""),
    # not watched for long enough, or only twice
    left(None, None, None, watched_ms=2_000),
    left(None, None),
    # it sends nothing more: who is stuck in a send is BP-09's
    left(None, None, None, sends=0),
    # it says that it knew before
    left("", "", "", knew=1),
)
DEAF: Final = (left(None, None, None), left(None, None, None, None))
RESTED: Final = (
    left("", "", "", kind=RESTS),
    left(None, "", "", kind=RESTS),
    left(None, None, None, kind=RESTS, watched_ms=2_000),
    left("", "", "", kind=RESTS, knew=1),
)
UNTOLD: Final = (left(None, None, None, kind=RESTS, sends=0),)
NAMED: Final = (
    left("CANCELLED", "CANCELLED", "CANCELLED"),
    left("CANCELLED", "CANCELLED", "CANCELLED", kind=WAITS),
    # no name, or once another one
    left("", "", ""),
    left("CANCELLED", "UNAVAILABLE", "CANCELLED"),
    # stuck in a send: BP-09's
    left(None, None, None, kind=WAITS),
)
UNNAMED: Final = (
    left("UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"),
    left("INTERNAL", "INTERNAL", "INTERNAL", kind=WAITS),
    left(None, None, None),
)


# -- who completes meanwhile -------------------------------------------------------------------------------------------


def races_have_one_outcome(h: History) -> Iterator[Finding]:
    """The half of CN-10 about servers. Our side left; this is about the handler's. A stream that is read to its end is
    the control: it shows how many ends a handler counts, and that it takes no end of its own for a leaving. Both
    outcomes must have been seen: a race that always goes the same way shows little."""
    trials = [(session, at) for session in streams(h, RACES) if (at := did(h, session, "cancel:fin", "cancel:rst"))]
    usual = next((n for session in streams(h, ENDS) if (n := _ends(h, session))), 0)
    if streams(h, RACES) and not usual:
        yield unknown("no stream was seen to end by itself, or its end was taken for a leaving")
        return
    seen: dict[str, list[Evidence]] = {}
    open_: list[tuple[Record, Figure]] = []
    for session, at in trials:
        over = _over(h, session)
        if over and (got := _two(h, session, over[0], usual)):
            yield broken(at, [f.record for f in over], expected="one outcome for the handler", got=got)
        elif over:
            seen.setdefault(_outcome(h, session), []).append((at, over[0].record))
        elif last := _still_open(h, session, at):
            open_.append((at, last))
    if len(open_) >= TIMES:
        got = f"{len(open_)} of {len(trials)} handlers were at work {budget_ns(h, 'learn_ms') / 1e9:g} s later"
        evidence = [(at, last.record) for at, last in open_]
        yield broken(evidence, expected="a handler whose client leaves at its end is over", got=got)
    elif open_:
        yield unknown(f"{len(open_)} of {len(trials)} handlers were at work long after their clients had left")
    elif len(seen) == 2:
        yield held(*(evidence[0] for evidence in seen.values()))
    elif trials:
        yield unknown(f"in {len(trials)} trials the outcome was always {next(iter(seen), 'unknown')}")


def _ends(h: History, session: str) -> int:
    """How many ends this handler counts that ended by itself; 0 when it is not known, or it speaks of a leaving."""
    over = _over(h, session)
    if not standing.whole(h, session) or not over or any(_values(h, session, "cancel_seen", over[0])):
        return 0
    return max(_values(h, session, "terminals", over[0]), default=0)


def _over(h: History, session: str) -> tuple[Figure, ...]:
    """The accounts in which its handler was over."""
    return tuple(f for f in accounts.of_this(h, session, "ended") if f.value)


def _values(h: History, session: str, name: str, since: Figure) -> tuple[int, ...]:
    """A figure in the accounts from this one on."""
    told_ = accounts.of_this(h, session, name)
    return tuple(f.value for f in told_ if f.record.index >= since.record.index)


def _two(h: History, session: str, over: Figure, usual: int) -> str:
    """How this handler had not one outcome, in words; empty when it had, or when too little was told."""
    ends, knows = (_values(h, session, name, over) for name in ("terminals", "cancel_seen"))
    if not ends or not knows or not called(h, session):
        return ""
    if max(ends) > usual:
        return f"it ended its stream {max(ends)} times, where one that is not disturbed does so {usual} times"
    if not knows[0] and knows[-1]:
        return "it was over without having learnt of the leaving, and learnt of it then"
    return "it is over, ended nothing, and learnt of no leaving" if not ends[-1] and not knows[-1] else ""


def _outcome(h: History, session: str) -> str:
    knows = accounts.of_this(h, session, "cancel_seen")
    return "cancelled" if knows and knows[-1].value else "completed"


def _still_open(h: History, session: str, at: Record) -> Figure | None:
    """The last account, when it was asked for long enough after we left."""
    last = accounts.late(accounts.of_this(h, session, "ended"), at, LATE * budget_ns(h, "learn_ms"))
    return last[-1] if last and not stood_still_ourselves(h, at, last[-1].record) else None


def raced(*trials: dict[str, int], control: dict[str, int] | None = None, over: int = 1) -> History:
    """By hand: trials with what was told when the handler was over, and one stream that was read to its end. With
    `over=0` the handlers are never over."""
    rows: list[Row] = []
    usual = {"terminals": 1, "cancel_seen": 0} if control is None else control
    rows += told(f"{ENDS}1", ASK, head(), item(0), ENDED, EOF, account(10, ended=1, **usual), start_ms=1)
    for n, values in enumerate(trials, 1):
        session, start_ms = f"{RACES}{n}", 10_000.0 * n
        rows += told(session, ASK, head(), item(0), Did("cancel:fin"), CANCEL[1], start_ms=start_ms)
        for later_ms in (100, 105) if over else range(100, 5_001, 100):
            at_ms = start_ms + 10 + later_ms
            rows.append((session, at_ms, account(at_ms, ended=over, **values)))
    return written(*rows)


_COMPLETED: Final = {"terminals": 1, "cancel_seen": 0}
_TOLD: Final = {"terminals": 1, "cancel_seen": 1}
ONE: Final = (
    raced(_COMPLETED, _TOLD),
    # who is called off has ended nothing
    raced(_COMPLETED, {"terminals": 0, "cancel_seen": 1}),
    # it counts the call and the return, always
    raced({"terminals": 2, "cancel_seen": 0}, _TOLD, control={"terminals": 2, "cancel_seen": 0}),
    # any end is a leaving to it, or it counts none
    raced(_TOLD, _TOLD, control=_TOLD),
    raced({"terminals": 0, "cancel_seen": 0}, control={"terminals": 0, "cancel_seen": 0}),
    # always the same, and twice at work for ever
    raced(_COMPLETED, _COMPLETED),
    raced(_COMPLETED, _COMPLETED, over=0),
    # it was never called
    raced({"terminals": 0, "cancel_seen": 0, "called": 0}, _COMPLETED),
)
TWO: Final = (
    raced(_COMPLETED, {"terminals": 2, "cancel_seen": 1}),
    raced(_TOLD, {"terminals": 0, "cancel_seen": 0}),
    raced(*({"terminals": 0, "cancel_seen": 0},) * 3, over=0),
)
