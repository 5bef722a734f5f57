"""BP on servers: what one client that stands still does to its own stream, to its producer, and to its neighbours.

Never here: how far a producer runs ahead of it (`outrun`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Did, Expired, Failed, Item, Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, account, head, item, told, written
from streamspec.harness.rules._accounts import (
    TIMES,
    Leave,
    Stall,
    budget_ns,
    every_time,
    leaves,
    moved_back,
    offered,
    offering,
    stalls,
    stood_still_ourselves,
    tells,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

# Sessions come in pairs: a large stream that is read, or that stalls, and a look beside it.
MOVES: Final = "large-moves-"
STALLS: Final = "large-stalls-"
LOOK_MOVES: Final = "look-moves-"
LOOK_STALLS: Final = "look-stalls-"
LATE: Final = 0.9  # of a budget, from our act to the question of the account that still shows nothing
_STOOD: Final = 0.7  # of `steady_ms`
_SHOWN: Final = 5
_STALL: Final = Did("stall")
_RESUME: Final = Did("resume")


# -- neighbours --------------------------------------------------------------------------------------------------------


def siblings_are_served(h: History) -> Iterator[Finding]:
    """The look beside a stream that is being read is the control: a server that serves one at a time is honest."""
    controls = [_beside(h, s, LOOK_MOVES + s.removeprefix(MOVES)) for s in h.sessions("large") if s.startswith(MOVES)]
    if not controls or not all(controls):
        yield unknown("no look was answered while another stream was being read")
        return
    rounds = [s for s in h.sessions("large") if s.startswith(STALLS)]
    found = [_round(h, s, LOOK_STALLS + s.removeprefix(STALLS), controls[0]) for s in rounds]
    hurt = [finding for finding in found if finding.stance == "broken"]
    if hurt and (len(hurt) < len(rounds) or len(hurt) < TIMES):
        yield unknown(f"{len(hurt)} of {len(rounds)} looks were not answered while the other stream stood still")
    elif hurt:
        yield from hurt
    else:
        yield from found


def _beside(h: History, large: str, look: str) -> Record | None:
    """The best sign of a look that came while the large stream was being read: an item, or else its head."""
    ask, opened = accounts.asked(h, look), standing.opened(h, large)
    last = next(iter(standing.items(h, large)[-1:]), None)
    if not ask or not opened or not last or opened.index > ask.index:
        return None
    return next((sign for sign in _signs(h, look) if sign.index < last.index), None)


def _signs(h: History, look: str) -> tuple[Record, ...]:
    """What shows that this look is served, the better sign first."""
    return tuple(sign for sign in (h.first(Item, look), standing.opened(h, look)) if sign)


def _round(h: History, large: str, look: str, control: Record | None) -> Finding:
    stall = next((s for s in stalls(h) if s.session == large), None)
    ask = accounts.asked(h, look)
    over = _went_on(h, stall) if stall else 0
    if not stall or not ask or not stall.began.index < ask.index < over:
        return unknown(standing.not_opened(h, large) or "no look was asked for while the other stream stood still")
    kinds = (Item,) if control and isinstance(control.event, Item) else (Item, Opened)  # no less than beside the other
    sign = next((sign for sign in reversed(_signs(h, look)) if isinstance(sign.event, kinds)), None)
    late = next(iter(standing.expired(h, look)), None)
    if sign and sign.index < over:
        return held(stall.began, ask, sign)
    if late and late.index < over and isinstance(late.event, Expired):
        got = f"not answered for {late.event.after_ms / 1e3:g} s, three times out of three"
        wanted = "a look beside the stream that stands still is answered, as it is beside one that is read"
        return broken(control, stall.began, ask, late, expected=wanted, got=got)
    return unknown(standing.not_opened(h, look) or "the look was not over when the other stream went on", ask)


def _went_on(h: History, stall: Stall) -> int:
    """The index of the record with which the stream that stood still was read again, or left."""
    acts = [r for r in h.of((Did, Item), stall.session) if r.index > stall.began.index]
    return next((r.index for r in acts if r.event not in (_STALL, _RESUME)), len(h.records))


def _pair(kind: str, n: int, look: tuple[Event, ...], start_ms: float) -> tuple[Row, ...]:
    """A large stream, read or not, and what became of the look beside it."""
    large = f"large-{kind}-{n}"
    waits = kind == "stalls"
    before = (_STALL, _RESUME) if waits else (item(0),)
    after = CANCEL if waits else (item(1), *CLOSE)
    return (
        *told(large, ASK, head(), *before, start_ms=start_ms),
        *told(f"look-{kind}-{n}", *look, start_ms=start_ms + 10),
        *told(large, *after, start_ms=start_ms + 2_100),
    )


def beside(*looks: tuple[Event, ...], control: tuple[Event, ...] | None = None) -> History:
    moves = _pair("moves", 1, control or _SERVED, 0)
    rows = (row for n, look in enumerate(looks, 1) for row in _pair("stalls", n, look, 5_000.0 * n))
    return offering(written(*moves, *rows, declared=_LARGE), {f"{STALLS}{n}": 8 for n in (1, 2, 3)})


_LARGE: Final = {"large.item_bytes": 1_000, **tells()}
_SERVED: Final = (ASK, head(), item(0), *CLOSE)
_UNSERVED: Final = (ASK, Expired("look_ms", 2_000))

BP_11 = Rule(
    id="BP-11",
    level=Level.MUST,
    sentence="A stream that stands still does not delay streams on other connections.",
    source="seed 004 ('without blocking batch requests'); contract 6 'Independent' (design 1)",
    why="One slow reader must not stop the stream of everybody else.",
    needs=("role:large.item_bytes", "concurrent"),
    check=siblings_are_served,
    good=(
        beside(_SERVED, _SERVED, _SERVED),
        # late once may have any cause
        beside(_UNSERVED, _SERVED, _SERVED),
        # one at a time: not even beside a stream that is read
        beside(_UNSERVED, _UNSERVED, _UNSERVED, control=_UNSERVED),
        # refused, as somebody's limit may have it
        beside(*((ASK, head(status=503), ENDED, EOF),) * 3),
        # looks that show their items late, always
        beside(*((ASK, head(), Expired("look_ms", 2_000), *CLOSE),) * 3, control=(ASK, head(), *CLOSE)),
    ),
    bad=(
        beside(_UNSERVED, _UNSERVED, _UNSERVED),
        # its head is answered, and nothing more
        beside(*((ASK, head(), Expired("look_ms", 2_000), *CLOSE),) * 3),
    ),
)


# -- its own items -----------------------------------------------------------------------------------------------------


def whole_after_a_stall(h: History) -> Iterator[Finding]:
    """The other half of BP-07. The control is the same stream, read without a stall: it shows what is sent, and how it
    is numbered."""
    for stall in (every := stalls(h)):
        numbers = _numbers(h, stall.session)
        others = [s for s in h.sessions("large") if s not in {one.session for one in every} and _end(h, s)]
        control = next((s for s in others if offered(h, s) == stall.offered), None)
        if reason := _unfit(h, stall, control):
            yield unknown(reason, stall.began)
        elif control and (pair := _swapped(numbers)) and not _swapped(_numbers(h, control)):
            (first, ahead), (second, behind) = pair
            yield broken(stall.began, first, second, expected=f"{behind} before {ahead}", got=f"{ahead}, then {behind}")
        elif control:
            yield _complete(h, stall, control)


def _numbers(h: History, session: str) -> list[tuple[Record, int]]:
    """Items by their first arrival, with their numbers."""
    found: dict[int, Record] = {}
    for record in standing.items(h, session):
        if isinstance(record.event, Item) and record.event.seq is not None:
            found.setdefault(record.event.seq, record)
    return [(record, seq) for seq, record in found.items()]


def _end(h: History, session: str) -> Record | None:
    """That the stream ended well."""
    if h.first(Failed, session):
        return None
    return standing.whole(h, session) or next(iter(standing.theirs(h, Completed, session)), None)


def _unfit(h: History, stall: Stall, control: str | None) -> str:
    """Why this stalled stream shows nothing of what was lost."""
    session = stall.session
    both = [session, *([control] if control else [])]
    lasted_ns = stall.over.t_ns - stall.began.t_ns if stall.over else 0
    ended = stall.ended(h) or h.first(Failed, session)
    reasons = (
        (h.header.declared.get("declares.lossy"), "it leaves items out for slow clients: BP-17 looks at that"),
        (not control, "no stream of the same size was read to its end without a stall"),
        (ended, "it ended the stream of a reader that stood still: a legal policy"),
        (not _end(h, session), "the stream that had stalled was not read to its end"),
        (not all(standing.seen_whole(h, s) for s in both), "more items came than we keep"),
        (any(len(_numbers(h, s)) < 2 for s in both), "fewer than two items carried a sequence number"),
        (lasted_ns < _STOOD * budget_ns(h, "steady_ms") or not _later(h, stall), "the stream was not seen to stall"),
    )
    return next((reason for unfit, reason in reasons if unfit), "")


def _later(h: History, stall: Stall) -> tuple[Record, ...]:
    return tuple(r for r in h.of(Item, stall.session) if stall.over and r.index > stall.over.index)


def _swapped(numbers: Sequence[tuple[Record, int]]) -> tuple[tuple[Record, int], tuple[Record, int]] | None:
    return next(((one, other) for one, other in pairwise(numbers) if other[1] < one[1]), None)


def _complete(h: History, stall: Stall, control: str) -> Finding:
    due, came = ({seq for _, seq in _numbers(h, s)} for s in (control, stall.session))
    end = _end(h, stall.session)
    if len(came) < len(due):
        missing = sorted(due - came)
        shown = ", ".join(str(n) for n in missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
        got = f"{len(came)}{f'; missing {shown}' if len(missing) == len(due) - len(came) else ''}"
        wanted = f"{len(due)} items, as without a stall"
        return broken(_end(h, control), stall.began, end, expected=wanted, got=got)
    if _swapped(_numbers(h, control)):
        return unknown("as many items as without a stall, and their numbers are in no order", end)
    return held(_end(h, control), stall.began, stall.over, _later(h, stall)[-1], end)


def stalled(*numbers: int, control: tuple[int, ...] = (1, 2, 3, 4), end: tuple[Event, ...] = (ENDED, EOF)) -> History:
    """By hand: a stream of these numbers that stalls after its head, and before it one that does not."""
    moved = told(f"{MOVES}1", ASK, head(), *(item(n, seq) for n, seq in enumerate(control)), ENDED, EOF)
    rows = (
        *moved,
        *told(f"{STALLS}1", ASK, head(), _STALL, start_ms=100),
        *told(f"{STALLS}1", _RESUME, *(item(n, seq) for n, seq in enumerate(numbers)), *end, start_ms=1_000),
    )
    return offering(written(*rows, declared=_LARGE), {f"{STALLS}1": 8, f"{MOVES}1": 8})


WHOLE: Final = (
    stalled(1, 2, 3, 4),
    # a repeat is OI-03's finding
    stalled(1, 2, 2, 3, 4),
    # it drops a client that stands still, by a cut or by a word
    stalled(1, 2, end=(EOF,)),
    stalled(1, 2, end=(Failed("SLOW_CONSUMER"), ENDED, EOF)),
    # fewer than were asked for, always: it does not know {n}
    stalled(1, 2, control=(1, 2)),
    # numbers that go on from stream to stream, and numbers in no order
    stalled(5, 6, 7, 8),
    stalled(9, 2, 7, 4, control=(4, 9, 2, 7)),
)
TORN: Final = (stalled(1, 2, 4), stalled(1, 3, 2, 4), stalled(5, 6, 8))


# -- its producer ------------------------------------------------------------------------------------------------------


def freed_by_leaving(h: History) -> Iterator[Finding]:
    """The other half of BP-09: a send that was blocked when its client left. Blocked is what says that it is inside a
    send, and produces nothing."""
    stalled_ = {stall.session: stall for stall in stalls(h)}
    found = [_freed(h, stalled_[leave.session], leave) for leave in leaves(h, "large") if leave.session in stalled_]
    if found:
        yield from every_time(found, "a send was still blocked some time after its client had left")
    else:
        yield from (unknown(standing.not_opened(h, s) or "no stalled stream was left") for s in h.sessions("large"))


def _freed(h: History, stall: Stall, leave: Leave) -> Finding:
    sending = accounts.of_this(h, leave.session, "sending")
    before = accounts.until(accounts.after(sending, stall.began), leave.at)
    now = accounts.after(sending, leave.at)
    waits = len(before) > 1 and all(f.value > 0 for f in before[-2:]) and not _produces(h, leave, before[-2].record)
    if waits and (free := next((f for f in now if f.value < before[-1].value), None)):
        return held(stall.began, before[-1].record, leave.at, free.record)
    if _at_work(h, leave) and (pair := moved_back(h, leave)):
        return held(stall.began, pair[0].record, leave.at, pair[1].record)
    if not waits:
        return unknown("nothing says that a send was blocked when we left", leave.at)
    last = accounts.late(now, leave.at, LATE * budget_ns(h, "learn_ms"))
    if not last or stood_still_ourselves(h, leave.at, last[-1].record):
        return unknown("it was not seen for long enough after we left", leave.at)
    produced = accounts.after(accounts.of_this(h, leave.session, "produced"), leave.at)
    if not produced or len(accounts.standing_still(produced)) < len(produced):
        return unknown("nothing says that it had not gone on producing, to nobody", leave.at, last[-1].record)
    waited_s = (last[-1].asked_ns - leave.at.t_ns) / 1e9
    evidence = (stall.began, before[-1].record, leave.at, last[-1].record)
    wanted = "no send waits any more for a client that has left"
    return broken(*evidence, expected=wanted, got=f"it was still inside a send {waited_s:.1f} s later")


def _produces(h: History, leave: Leave, since: Record) -> bool:
    """Whether more was produced between this account and our leaving: then nobody waited."""
    told_ = accounts.of_this(h, leave.session, "produced")
    here = [f for f in accounts.until(told_, leave.at) if f.record.index >= since.index]
    return len(here) > 1 and here[0].value < here[-1].value


def _at_work(h: History, leave: Leave) -> bool:
    """Whether the producer was at work when we left: a stream that it has open, and that had not ended before."""
    open_ = accounts.until(accounts.of_this(h, leave.session, "open"), leave.at)
    return bool(open_) and open_[-1].value > 0


def blocked(
    *after: dict[str, int], how: str = "rst", before: dict[str, int] | None = None, times: int = TIMES
) -> History:
    """By hand: streams that stall and are left, with what is told 100 ms after the leaving, and every 600 ms since."""
    rows: list[Row] = []
    for n in range(1, times + 1):
        start_ms = 10_000.0 * n
        here = before or {"sending": 1, "produced": 60 * n}
        base = {name: 60 * n - 60 if name == "produced" else 0 for name in here}
        rows += told(f"{STALLS}{n}", account(start_ms, **base), ASK, head(), _STALL, start_ms=start_ms)
        for at_ms in (100, 600):
            rows += told(f"{STALLS}{n}", account(start_ms + at_ms, **here), start_ms=start_ms + at_ms)
        rows += told(f"{STALLS}{n}", _RESUME, Did(f"cancel:{how}"), CANCEL[1], start_ms=start_ms + 610)
        for k, values in enumerate(after):
            then_ms = start_ms + 720 + 600 * k
            told_ = {name: value + (60 * n if name == "produced" else 0) for name, value in values.items()}
            rows += told(f"{STALLS}{n}", account(then_ms, **told_), start_ms=then_ms)
    return offering(written(*rows, declared=_LARGE), {f"{STALLS}{n}": 32 for n in range(1, times + 1)})


_STUCK: Final = ({"sending": 1, "produced": 0},) * 9
FREED: Final = (
    blocked({"sending": 0, "produced": 1}),
    # by a leaving of the other kind, and after a while
    blocked(*({"sending": 1, "produced": 0},) * 3, {"sending": 0, "produced": 0}, how="fin"),
    # nothing is told of sends, but that the stream is no longer open
    blocked({"open": 0}, before={"open": 1}),
    # stuck, and then no longer looked at
    blocked(*_STUCK[:4]),
    # twice is not three times
    blocked(*_STUCK, times=2),
    # inside a send whenever it is asked, and producing to nobody: CN-08's finding
    blocked(*({"sending": 1, "produced": 50 * n} for n in range(9))),
    # no send was blocked
    blocked({"sending": 0, "produced": 0}, before={"sending": 0, "produced": 0}),
    # who is asked for nothing but sends tells too little to accuse
    blocked(*({"sending": 1},) * 9, before={"sending": 1}),
)
STUCK: Final = (blocked(*_STUCK), blocked(*_STUCK, how="fin"))
