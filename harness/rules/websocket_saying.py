"""WS: what a client says on a stream: its items, its end, its cancel, and its leaving with the whole connection.

What the rules of directions and of cancels ask of every binding stands there; here is that the words of this one are
heard. Never here: octets in no order (`websocket_malformed`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Closed, Completed, Did, Failed, Item, Said
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, account, item, told
from streamspec.harness.rules._accounts import budget_ns, did, stood_still_ourselves
from streamspec.harness.rules._carriers import CLOSE as OUR_CLOSE
from streamspec.harness.rules._carriers import (
    EOF,
    STARTED,
    TIMES,
    WS,
    carried,
    each_time,
    silent,
    their_end,
    waited,
)
from streamspec.harness.rules._connections import connection, sharing
from streamspec.harness.rules._scripted import LATE, streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

SAYS: Final = "script-says-"  # items that are echoed one by one
COUNTS: Final = "script-counts-"  # items that are collected, and answered with their number
CALLS_OFF: Final = "script-calls-off-"  # a handler that keeps sending, and is cancelled by the binding's word
SHARES: Final = "script-shares-"  # streams whose connection is closed
_WAY: Final = ("cancel:fin", "cancel:rst", f"write:{OUR_CLOSE}")


# -- items of ours -----------------------------------------------------------------------------------------------------


def what_we_say_is_heard(h: History) -> Iterator[Finding]:
    """All rounds of a kind count together: who is slow once is not deaf."""
    for kind in (SAYS, COUNTS):
        yield from each_time([_heard(h, session) for session in streams(h, kind)], "what we said was not heard")


def _heard(h: History, session: str) -> Finding:
    said = [r for r in h.of(Said, session) if isinstance(r.event, Said)]
    begun, finish = did(h, session, "say"), did(h, session, "finish")
    if not standing.opened(h, session) or not begun or not said or not isinstance(said[-1].event, Said):
        return unknown(standing.not_opened(h, session) or "nothing was said")
    n = said[-1].event.n
    items = standing.items(h, session)
    wanted = f"the {n} items come back, in order" if session.startswith(SAYS) else f"the {n} items are counted"
    done = next((r for r in standing.terminals(h, session) if isinstance(r.event, Completed)), None)
    if done and finish and done.index > finish.index:
        told_ = _told(h, session)
        evidence = (begun, items[-1:], finish, done)
        return held(*evidence) if told_ == _due(session, n) else broken(*evidence, expected=wanted, got=f"{told_}")
    since = finish or begun
    if end := next(iter(standing.terminals(h, session)), None) or their_end(h, session, begun):
        return broken(begun, end, expected=wanted, got=f"{len(items)} items, and the end of its stream")
    if ran_out := silent(h, session, since):
        got = f"{len(items)} items, and no end" if finish else f"{len(items)} items"
        return broken(begun, since, ran_out, expected=wanted, got=got)
    return unknown("we left before all of it was answered")


def _due(session: str, n: int) -> tuple[object, ...]:
    return tuple(range(1, n + 1)) if session.startswith(SAYS) else (n,)


def _told(h: History, session: str) -> tuple[object, ...]:
    """The numbers of what came back, or the count that was answered."""
    items = [r.event for r in standing.items(h, session) if isinstance(r.event, Item)]
    if session.startswith(SAYS):
        return tuple(event.seq for event in items)
    return tuple(_member(event.prefix, "count") for event in items)


def _member(text: str, name: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found.get(name) if isinstance(found, dict) else None


_SAY: Final = (ASK, WS, STARTED, Did("say"), Said(3, 30))
_FINISH: Final = Did("finish")
_BACK: Final = (item(0), item(1), item(2))
_ALL: Final = (*_BACK, _FINISH, Completed(), *CLOSE)
_COUNT: Final = Item(0, 30, "c", '{"n":1,"count":3,"bytes":30}', 90, seq=1)
_MISCOUNT: Final = Item(0, 30, "c", '{"n":1,"count":2,"bytes":20}', 90, seq=1)
_DEAF: Final = (waited("item_ms", 5_000), *CLOSE)


def _saying(*rounds: tuple[Event, ...], kind: str = SAYS) -> History:
    rows = [row for n, r in enumerate(rounds, 1) for row in told(f"{kind}{n}", *_SAY, *r, start_ms=9_000.0 * n)]
    return carried(*rows, direction="bidi" if kind == SAYS else "client")


WS_04 = Rule(
    id="WS-04",
    level=Level.MUST,
    sentence="A client's data and end envelopes reach the handler of their stream.",
    source="seed 002 'Protocol Support', 'WebSocket Streaming'",
    why="Where clients may speak and are not heard, uploads wait for ever, or end without what was sent.",
    needs=("script", "direction:bidi|direction:client"),
    on=("ws",),
    check=what_we_say_is_heard,
    good=(
        _saying(_ALL, _ALL, _ALL),
        _saying(*((_FINISH, _COUNT, Completed(), *CLOSE),) * 3, kind=COUNTS),
        # slow twice, in time once
        _saying(_DEAF, _DEAF, _ALL),
        _saying(*((*_BACK, *CLOSE),) * 3),
    ),
    bad=(
        _saying(_DEAF, _DEAF, _DEAF),
        _saying(*((Failed("INTERNAL"), *CLOSE),) * 3),
        _saying(*((EOF,),) * 3),
        # its end is not heard
        _saying(*((*_BACK, _FINISH, waited(), *CLOSE),) * 3),
        # lost, or told wrong
        _saying(*((item(0), item(1, 3), _FINISH, Completed(), *CLOSE),) * 3),
        _saying(*((_FINISH, _MISCOUNT, Completed(), *CLOSE),) * 3, kind=COUNTS),
    ),
)


# -- a cancel ----------------------------------------------------------------------------------------------------------


def cancel_word_stops_the_handler(h: History) -> Iterator[Finding]:
    """It has learnt of it, or is over. A handler that sends nothing more may be stuck, which tells nothing."""
    found = []
    for session in streams(h, CALLS_OFF):
        at = did(h, session, "cancel:word")
        first = next(iter(standing.items(h, session)), None)
        if not at or not first:
            found.append(unknown(standing.not_opened(h, session) or "it was not cancelled while it sent"))
        else:
            found.append(_stopped(h, session, first, at))
    yield from each_time(found, "the handler went on after a cancel")


def _stopped(h: History, session: str, first: Record, at: Record) -> Finding:
    knows = [_since(h, session, name, at) for name in ("cancel_seen", "ended")]
    if moved := next((figure for figure, _ in knows if figure), None):
        return held(first, at, moved.record)
    last = max((late for _, late in knows if late), key=lambda f: f.record.index, default=None)
    sent = accounts.after(accounts.of_this(h, session, "sent"), at)
    if not last or stood_still_ourselves(h, at, last.record):
        return unknown("it was not seen for long enough after the cancel, or had stopped before", at)
    if not sent or sent[-1].value <= sent[0].value:
        return unknown("its handler was not seen to go on sending", at)
    more, since_s = sent[-1].value - sent[0].value, (last.asked_ns - at.t_ns) / 1e9
    wanted = "the handler of a stream that is cancelled by an envelope stops"
    got = f"{more} sends more, {since_s:.1f} s after the cancel"
    return broken(first, at, sent[0].record, last.record, expected=wanted, got=got)


def _since(h: History, session: str, name: str, at: Record) -> tuple[Figure | None, Figure | None]:
    """The first account after this record in which the figure is more than 0, where it was 0 before; and the last one
    in which it was not, asked for when most of the budget was over."""
    told_ = accounts.of_this(h, session, name)
    before = accounts.until(told_, at)
    if not before or before[-1].value:
        return None, None
    later = accounts.after(told_, at)
    moved = next((figure for figure in later if figure.value), None)
    late = accounts.late(later, at, LATE * budget_ns(h, "learn_ms"))
    return moved, None if moved or not late else late[-1]


def _cancelled(*rounds: tuple[int, int], knew: int = 0, watched_ms: int = 5_000) -> History:
    """Rounds: whether the handler learns of the cancel, and how much it sends in 100 ms afterwards."""
    rows: list[Row] = []
    for n, (learns, sends) in enumerate(rounds, 1):
        session, start = f"{CALLS_OFF}{n}", 9_000.0 * n
        rows += told(session, ASK, WS, item(0), account(start + 3, cancel_seen=knew, ended=0, sent=1), start_ms=start)
        rows += told(session, Did("cancel:word"), start_ms=start + 5)
        for later_ms in (100, 200) if learns else range(100, watched_ms + 1, 100):
            at_ms = start + 5 + later_ms
            figures = account(at_ms, cancel_seen=learns, ended=learns, sent=1 + sends * later_ms // 100)
            rows.append((session, at_ms, figures))
        rows += told(session, *CLOSE, start_ms=start + 8_000)
    return carried(*rows)


WS_05 = Rule(
    id="WS-05",
    level=Level.MUST,
    sentence="A cancel envelope stops the handler of its stream.",
    source="profile (its word for a cancel); seed 000 'Cancellation'",
    why="The connection stays, so that nothing else tells the handler: it works on for nobody.",
    needs=("script", "cancel-word", "feature:generate", "told:cancel_seen|told:state", "told:sent"),
    on=("ws",),
    check=cancel_word_stops_the_handler,
    good=(
        _cancelled((1, 0), (1, 0), (1, 0)),
        _cancelled((1, 0), (0, 20), (1, 0)),
        # stuck, not watched for long, or it knew before
        _cancelled(*((0, 0),) * 3),
        _cancelled(*((0, 20),) * 3, watched_ms=2_000),
        _cancelled(*((0, 20),) * 2),
    ),
    bad=(_cancelled(*((0, 20),) * 3), _cancelled(*((0, 20),) * 4)),
)


# -- the whole connection ----------------------------------------------------------------------------------------------


def close_cancels_all(h: History) -> Iterator[Finding]:
    """However the connection is closed: each handler of it cleans up."""
    first = [session for session in streams(h, SHARES) if connection(h, session) == session]
    yield from each_time([_cleaned(h, session) for session in first], "somebody had not cleaned up")


def _cleaned(h: History, session: str) -> Finding:
    members = sharing(h, session)
    at = next((r for s in members if (r := did(h, s, *_WAY))), None)
    if not at or any(not standing.items(h, s) for s in members):
        return unknown(standing.not_opened(h, session) or "its connection was not closed while all of its streams sent")
    known = {s: _since(h, s, "cleanups", at) for s in members}
    seen = [(moved or late) for moved, late in known.values()]
    evidence = [at, *(figure.record for figure in seen if figure)]
    late = [s for s, (moved, late) in known.items() if late and not moved]
    if all(moved for moved, _ in known.values()):
        return held(evidence)
    if not late or any(stood_still_ourselves(h, at, figure.record) for figure in seen if figure):
        return unknown("they were not seen for long enough after the close, or had cleaned up before", evidence)
    got = f"{len(late)} of {len(members)} had not, {budget_ns(h, 'learn_ms') * LATE / 1e9:.1f} s later"
    return broken(evidence, expected="each handler of a connection that is closed cleans up", got=got)


def _closed(*rounds: tuple[int, int], way: str = _WAY[0], watched_ms: int = 5_000) -> History:
    """Rounds: connections with two streams, and whether the handlers of these clean up."""
    rows: list[Row] = []
    for n, cleans in enumerate(rounds, 1):
        start = 9_000.0 * n
        names = (f"{SHARES}{n}", f"{SHARES}{n}-2")
        for name in names:
            rows += told(name, ASK, WS, item(0), account(start + 3, cleanups=0), start_ms=start)
        rows += told(names[0], Did(way), Closed("ours" if way != _WAY[2] else "eof"), start_ms=start + 5)
        for name, cleaned in zip(names, cleans, strict=True):
            for later_ms in range(100, watched_ms + 1, 100):
                rows.append((name, start + 6 + later_ms, account(start + 6 + later_ms, cleanups=cleaned)))
    asks = {f"{SHARES}{n}-2": Ask(on=f"{SHARES}{n}") for n in range(1, len(rounds) + 1)}
    return carried(*rows, asks=asks)


WS_07 = Rule(
    id="WS-07",
    level=Level.MUST,
    sentence="A connection that its client closes takes all its streams along, and each handler cleans up.",
    source="seed 002 'Best Practices' 3; RFC 6455 §7.1",
    why="Of many streams on a connection each holds something: what is not given back is lost once for every tab.",
    needs=("script", "mux", "feature:generate", "told:cleanups"),
    on=("ws",),
    check=close_cancels_all,
    good=(
        *(_closed((1, 1), (1, 1), (1, 1), way=way) for way in _WAY),
        _closed((1, 1), (1, 0), (1, 1)),
        _closed(*((0, 0),) * 3, watched_ms=2_000),
        _closed(*((0, 0),) * (TIMES - 1)),
    ),
    bad=(*(_closed(*((0, 0),) * 3, way=way) for way in _WAY), _closed(*((1, 0),) * 3)),
)
