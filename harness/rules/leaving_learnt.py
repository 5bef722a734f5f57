"""CN on servers: that an idle producer learns that its client has left, and what is cleaned up then.

Never here: whether production stops (`leaving`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Did
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, ENDED, EOF, account, head, item, told, written
from streamspec.harness.rules import _scripted_cancels
from streamspec.harness.rules._accounts import (
    LEARNT,
    TIMES,
    Leave,
    budget_ns,
    leaves,
    moved_back,
    stood_still_ourselves,
    tells,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

HEARTBEATS: Final = 3  # that an idle producer may send, before it must have felt that nobody is there
_LATE: Final = 0.9  # of a budget, from the leaving to the question of the account that still shows nothing


# -- who waits for something to send -----------------------------------------------------------------------------------


def idle_producers_learn(h: History) -> Iterator[Finding]:
    """Several streams are left one after the other, and the last one watched for all: most producers learn of it at
    once, and a long wait for each of the others would cost a minute. The last three count."""
    yield from _scripted_cancels.idle_handlers_learn(h)
    left = leaves(h, "idle")[-TIMES:]
    pairs = [moved_back(h, leave) for leave in left]
    if left and None not in pairs:
        yield from (
            held(leave.seen, leave.at, [f.record for f in pair or ()]) for leave, pair in zip(left, pairs, strict=True)
        )
    elif left:
        yield _nobody_learnt(h, left)
    for session in h.sessions("idle"):
        if reason := standing.not_opened(h, session):
            yield unknown(reason)


def _nobody_learnt(h: History, left: tuple[Leave, ...]) -> Finding:
    first, last = left[0], left[-1]
    names = [name for name in LEARNT if accounts.figures(h, last.session, name)]
    seen = [pair for name in names if (pair := _unlearnt(h, left, name))]
    if len(left) < TIMES or not seen or len(seen) < len(names):
        return unknown("only some learnt of it, or too little was told to say that nobody did", last.at)
    waited_ms = min(now.asked_ns - last.at.t_ns for _, now in seen) / 1e6
    heartbeat = h.declared("idle", "heartbeat_ms")
    if isinstance(heartbeat, int) and waited_ms < HEARTBEATS * heartbeat:
        return unknown(f"it may learn of it at its next heartbeats, every {heartbeat} ms", last.at)
    if stood_still_ourselves(h, last.at, seen[0][1].record):
        return unknown("this machine stood still meanwhile", last.at)
    got = f"{waited_ms / 1e3:.1f} s after {len(left)} clients had left it tells of none of them"
    wanted = "an idle producer is told that its client has left, without having to send"
    evidence = [(base.record, now.record) for base, now in seen]
    return broken([leave.at for leave in left], first.seen, evidence, expected=wanted, got=got)


def _unlearnt(h: History, left: tuple[Leave, ...], name: str) -> tuple[Figure, Figure] | None:
    """Two accounts, before the first of these streams and long after the last was left, which show that all of them go
    on as before. What is told of one stream alone tells nothing of the others."""
    base = accounts.before_asking(h, left[0].session, name)[-1:]
    told_ = accounts.figures(h, left[-1].session, name)
    now = accounts.late(told_, left[-1].at, _LATE * budget_ns(h, "learn_ms"))[-1:]
    if not accounts.per_run(h, name, left[-1].session) or not base or not now:
        return None
    same = now[0].value - base[0].value >= len(left) if name == "open" else now[0].value == base[0].value
    return (base[0], now[0]) if same else None


def idle(*learnt: int, per: str = "run", waited_ms: int = 5_000, heartbeat_ms: int = 0, open_: int = 1) -> History:
    """By hand: streams that are left one after the other, of which these learn of it, within 100 ms; the last one is
    watched for so long. Both how many are open and how many were cancelled is told."""
    rows: list[Row] = []
    gone = 0
    for n in range(1, TIMES + 1):
        session, start_ms = f"idle-{n}", 200.0 * n
        there = open_ * (n - 1) - gone
        before = account(start_ms, open=there, cancelled=gone)
        during = account(start_ms + 10, open=there + open_, cancelled=gone)
        rows += told(session, before, ASK, head(), item(0), start_ms=start_ms)
        rows += told(session, during, Did("cancel:fin"), CANCEL[1], start_ms=start_ms + 10)
        gone += n in learnt
        times = range(100, waited_ms + 1, 100) if n == TIMES and TIMES not in learnt else (100, 105)
        for later_ms in times:
            at_ms = start_ms + 12 + later_ms
            rows += told(session, account(at_ms, open=open_ * n - gone, cancelled=gone), start_ms=at_ms)
    heartbeat: dict[str, str | int | bool] = {"idle.heartbeat_ms": heartbeat_ms} if heartbeat_ms else {}
    return written(*rows, declared={**tells(per), **heartbeat})


CN_02 = Rule(
    id="CN-02",
    level=Level.SHOULD,
    sentence="A producer that has nothing to send is told when its client leaves.",
    source="seed 001 'Context Handling' (ctx.Done); seed 002 (ctx.signal)",
    why="It waits on, with all that it holds, until something happens that nobody is there to be told of.",
    needs=("role:idle", "told:open|told:cancelled|told:ended"),
    check=idle_producers_learn,
    good=(
        *_scripted_cancels.RESTED,
        idle(1, 2, 3),
        # told of one stream at a time
        idle(1, 2, 3, per="stream"),
        # some learnt of it in time, or other streams ended meanwhile
        idle(1),
        idle(3),
        # not watched for long enough
        idle(waited_ms=2_000),
        # it learns of it when it next sends a heartbeat
        idle(heartbeat_ms=2_000),
        # told of the last one alone: of the others nothing is known
        idle(per="stream"),
        # nothing of what it tells was ours to begin with
        idle(open_=0),
    ),
    bad=(idle(), idle(heartbeat_ms=500), *_scripted_cancels.UNTOLD),
)


# -- cleanups ----------------------------------------------------------------------------------------------------------


def cleaned_once(h: History) -> Iterator[Finding]:
    """The other half of CN-04. The control is a stream that ended by itself: it shows how many cleanups a stream has,
    and that they are counted. The last three that were left count."""
    left = leaves(h, "endless")[-TIMES:]
    usual = next((n for s in h.sessions("finite") if standing.whole(h, s) and (n := _ran(h, s))), None)
    rises = [n for leave in left if (n := _ran(h, leave.session)) is not None]
    if not usual or len(rises) < len(left):
        if left and any(accounts.figures(h, leave.session, "cleanups") for leave in left):
            yield unknown("too few cleanups were told, or none of a stream that ended by itself", left[-1].at)
    elif left:
        yield from _as_usual(h, left, rises, usual)


def _ran(h: History, session: str) -> int | None:
    """How many cleanups this stream had, as far as it is told: until the next one was asked for, when there is one."""
    mine = accounts.of_this(h, session, "cleanups")
    if not mine:
        return None
    following = next((s for s in _later_sessions(h, session) if accounts.figures(h, s, "cleanups")), None)
    base = accounts.before_asking(h, session, "cleanups")
    then = accounts.before_asking(h, following, "cleanups") if following else ()
    return then[-1].value - base[-1].value if then and accounts.per_run(h, "cleanups", session) else mine[-1].value


def _later_sessions(h: History, session: str) -> tuple[str, ...]:
    every = h.sessions()
    return every[every.index(session) + 1 :]


def _as_usual(h: History, left: tuple[Leave, ...], rises: list[int], usual: int) -> Iterator[Finding]:
    seen = [accounts.of_this(h, leave.session, "cleanups")[-1] for leave in left]
    late = [f.asked_ns - leave.at.t_ns >= _LATE * budget_ns(h, "learn_ms") for leave, f in zip(left, seen, strict=True)]
    slow = any(stood_still_ourselves(h, leave.at, f.record) for leave, f in zip(left, seen, strict=True))
    evidence = [(leave.at, f.record) for leave, f in zip(left, seen, strict=True)]
    times = "; ".join(str(n) for n in rises)
    if all(n == usual for n in rises):
        yield held(evidence)
    elif len(left) >= TIMES and all(n > usual for n in rises):
        wanted = f"{usual} for each stream, as of one that ended by itself"
        yield broken(evidence, expected=wanted, got=f"the cleanups of those whose client left: {times}")
    elif len(left) >= TIMES and all(n <= 0 for n in rises) and all(late) and not slow:
        wanted = f"{usual} for each stream, as of one that ended by itself, within {budget_ns(h, 'learn_ms') / 1e9:g} s"
        yield broken(evidence, expected=wanted, got="none ran for those whose client left")
    else:
        yield unknown(f"cleanups were counted differently each time: {times}; {usual} of a stream that ended", evidence)


def cleaned(*rises: int, usual: int = 1, watched_ms: int = 5_000, per: str = "run") -> History:
    """By hand: streams whose clients left, with so many cleanups each, and then one that ended by itself."""
    rows: list[Row] = []
    total = 7
    for n, rise in enumerate(rises, 1):
        session, start_ms = f"endless-{n}", 10_000.0 * n
        rows += told(session, account(start_ms, cleanups=total), ASK, head(), item(0), start_ms=start_ms)
        rows += told(session, Did("cancel:fin"), CANCEL[1], start_ms=start_ms + 10)
        total += rise
        value = total if per == "run" else rise
        for later_ms in (100, 105, watched_ms) if rise <= 0 else (100, 105):
            rows += told(session, account(start_ms + 11 + later_ms, cleanups=value), start_ms=start_ms + 11 + later_ms)
    end_ms = 10_000.0 * len(rises) + 8_000
    rows += told("finite-1", account(end_ms, cleanups=total), ASK, head(), item(0), ENDED, EOF, start_ms=end_ms)
    rows += told("finite-1", account(end_ms + 9, cleanups=usual + (total if per == "run" else 0)), start_ms=end_ms + 9)
    return written(*rows, declared=tells(per, "cleanups"))


CLEANED: Final = (
    cleaned(1, 1, 1),
    cleaned(1, 1, 1, per="stream"),
    # two cleanups a stream, always
    cleaned(2, 2, 2, usual=2),
    # cleanups of looks that came before, while the first stream was open
    cleaned(3, 1, 1, 1),
    # once there was a cleanup too many
    cleaned(1, 2, 1),
    # late, or only twice
    cleaned(0, 0, 0, watched_ms=2_000),
    cleaned(0, 0),
    # it does not count the cleanups of those that end by themselves either
    cleaned(0, 0, 0, usual=0),
    cleaned(1, 0, 1),
)
UNCLEANED: Final = (cleaned(0, 0, 0), cleaned(2, 2, 2), cleaned(2, 2, 2, per="stream"))
