"""CN on servers: what those who produce a stream do when its client has left, as far as the server tells of them.

A ticker that ticks once a second stands still for half a second, too: production has stopped when the counter stood for
three of the intervals at which items came before, or when the server itself says that the stream is over. Never here:
a cancel inside a process (`cancellation_objects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts
from streamspec.harness.core.event import Did, Item
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import CUT
from streamspec.harness.core.written import ASK, CANCEL, account, head, item, told, written
from streamspec.harness.rules import _cancel_words, cancellation_objects
from streamspec.harness.rules._accounts import (
    LEARNT,
    TIMES,
    Leave,
    budget_ns,
    every_time,
    leaves,
    moved_back,
    pace_ns,
    stood_still_ourselves,
    tells,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

LATE_NS: Final = 3e9  # after a leaving; blocking sockets fail at the second write, so a slow ticker needs some time
INTERVALS: Final = 3  # without an item, before a producer has stopped
BEFORE_NS: Final = 2e9  # how far back other traffic is looked for
SHARE: Final = 0.25  # of one stream's pace, above that of all other traffic: then it is this stream's
LATE: Final = 0.9  # of a budget, from our leaving to the question of the account that still shows nothing


# -- production --------------------------------------------------------------------------------------------------------


def stops(h: History) -> Iterator[Finding]:
    """On servers, for clients that leave in order, or cancel in the binding's own word."""
    yield from cancellation_objects.production_stops(h)
    yield from _cancel_words.falls_silent(h)
    found = [_stops(h, leave) for leave in leaves(h, "endless", "fin")]
    yield from every_time(found, "it was still producing some time after its client had left")


def _stops(h: History, leave: Leave) -> Finding:
    produced = accounts.of_this(h, leave.session, "produced")
    before, now = accounts.until(produced, leave.at), accounts.after(produced, leave.at)
    told_by = before[-1].record.index if before else 0
    taken = sum(r.index < told_by for r in h.of(Item, leave.session))
    if not before or not now or before[-1].value < max(1, taken):
        return unknown("what it tells of its production lags behind what was received, or is not told", leave.at)
    pace = pace_ns(h, "endless")
    still = accounts.standing_still(now)
    if pace and accounts.lasted_ns(still) >= INTERVALS * pace:
        return held(before[-1].record, leave.at, still[0].record, still[-1].record)
    if (pair := moved_back(h, leave)) and not _rose(now, pair[1].record):
        return held(before[-1].record, leave.at, pair[1].record)
    later = accounts.late(now, leave.at, LATE_NS)
    if not pace or not later or accounts.least_pace(later) <= _others(h, leave) + SHARE / pace:
        return unknown("it cannot be told from other traffic, or from a slow ticker, whether it stopped", leave.at)
    return _late(h, leave, later)


def _late(h: History, leave: Leave, later: Sequence[Figure]) -> Finding:
    if stood_still_ourselves(h, leave.at, later[-1].record):
        return unknown("this machine stood still meanwhile", leave.at)
    more = later[-1].value - later[0].value
    seconds = (later[-1].record.t_ns - later[0].asked_ns) / 1e9
    since = (later[0].asked_ns - leave.at.t_ns) / 1e9
    got = f"{more} items in {seconds:.1f} s, {since:.1f} s after the client had left"
    evidence = (leave.seen, leave.at, later[0].record, later[-1].record)
    return broken(*evidence, expected="nothing is produced for a client that has left", got=got)


def _rose(found: Sequence[Figure], since: Record) -> bool:
    here = [f.value for f in found if f.record.index >= since.index]
    return len(set(here)) != 1


def _others(h: History, leave: Leave) -> float:
    """The pace at which a total of the run grew before this stream was asked for: other clients', or that of streams
    that were left before."""
    if not accounts.per_run(h, "produced", leave.session):
        return 0.0
    ask = accounts.asked(h, leave.session)
    every = [f for session in h.sessions() for f in accounts.figures(h, session, "produced")]
    recent = [f for f in every if ask and f.record.index < ask.index and f.asked_ns >= ask.t_ns - BEFORE_NS]
    return accounts.most_pace(sorted(recent, key=lambda f: f.record.index))


# By hand: an endless stream ticks every 20 ms, and a round begins as soon as the one before it is over.
_TICK_MS: Final = 20
_WATCH_MS: Final = 5_000
_STEADY_MS: Final = 600


def ticking(
    *lives_ms: float, how: str = "fin", per: str = "run", tick_ms: int = _TICK_MS, rate: float = 0.0, watch_ms: int = 0
) -> tuple[Row, ...]:
    """Rounds in which six items are read before the client leaves, and the producer goes on for so many milliseconds
    more; others produce `rate` items in a millisecond. It is watched until it stood still, or to the end."""
    rows: list[Row] = []
    streams: list[tuple[float, float]] = []
    now = 100.0
    for n, life_ms in enumerate(lives_ms, 1):
        session, opened_ms = f"endless-{how}-{n}", now + 20
        left_ms = opened_ms + 6 * tick_ms
        streams.append((opened_ms, left_ms + life_ms))
        counting = streams if per == "run" else streams[-1:]
        rows += [(session, at, _counted(at, counting, tick_ms, rate)) for at in (now, now + 10)]
        rows += told(session, ASK, head(), start_ms=opened_ms - 2)
        rows += told(session, *(item(k) for k in range(6)), start_ms=opened_ms, step_ms=tick_ms)
        rows += [(session, left_ms - 5, _counted(left_ms - 5, counting, tick_ms, rate))]
        rows += told(session, Did(f"cancel:{how}"), CANCEL[1], start_ms=left_ms)
        last = watch_ms or min(life_ms + _STEADY_MS, _WATCH_MS)
        times = [left_ms + 100 * k for k in range(1, int(last / 100) + 1)]
        rows += [(session, at, _counted(at, counting, tick_ms, rate)) for at in times]
        now = left_ms + last + 2
    return tuple(rows)


def _counted(at_ms: float, streams: Sequence[tuple[float, float]], tick_ms: int, rate: float) -> Event:
    """What a counter of all that these streams produced says at this time."""
    ticks = sum(int((min(at_ms, end) - begin) / tick_ms) + 1 for begin, end in streams if at_ms >= begin)
    return account(at_ms, produced=ticks + int(at_ms * rate))


def ticked(*lives_ms: float, per: str = "run", **how: float) -> History:
    tick_ms, rate, watch_ms = int(how.get("tick_ms", _TICK_MS)), how.get("rate", 0.0), int(how.get("watch_ms", 0))
    rows = ticking(*lives_ms, per=per, tick_ms=tick_ms, rate=rate, watch_ms=watch_ms)
    return written(*rows, declared=tells(per))


_FOR_EVER: Final = 1e9
STOPPED: Final = (
    ticked(0, 0, 0, 0),
    ticked(0, 0, per="stream"),
    # at the second write, of a ticker that is not fast; and after a while
    ticked(200, 200, 200, tick_ms=100),
    ticked(2_500, 2_500, 2_500, 2_500),
    # late twice, in time twice
    ticked(_FOR_EVER, 4_000, 0, 0),
    # one item a second: half a second without one shows nothing
    ticked(0, 0, 0, 0, tick_ms=1_000),
    ticked(_FOR_EVER, _FOR_EVER, _FOR_EVER, _FOR_EVER, tick_ms=1_000, watch_ms=500),
    # something ticks whoever listens, and counts its ticks
    ticked(0, 0, 0, 0, rate=1 / _TICK_MS, watch_ms=_WATCH_MS),
    ticked(0, 0, 0, 0, rate=10 / _TICK_MS, watch_ms=_WATCH_MS),
)
GOES_ON: Final = (
    ticked(*(_FOR_EVER,) * 4),
    ticked(*(_FOR_EVER,) * 3, per="stream"),
    # for half a minute, and others produce meanwhile
    ticked(*(30_000.0,) * 4, rate=3 / _TICK_MS),
)

CN_08 = Rule(
    id="CN-08",
    level=Level.MUST,
    sentence="After some items and a cancel, or when the client has left, production stops and nothing is delivered.",
    source="Reactive Streams §1.8, §2.8; contract 3 (design 1)",
    why="An answer that nobody reads any more is computed, and paid for, to its end.",
    needs=("object|told:produced|cancel-word", "feature:cancel|role:endless"),
    check=stops,
    good=(*STOPPED, *cancellation_objects.STOPPED, *_cancel_words.STOPPED),
    bad=(*GOES_ON, *cancellation_objects.GOES_ON, *_cancel_words.GOES_ON),
)


# -- resets ------------------------------------------------------------------------------------------------------------


def resets_are_cancels(h: History) -> Iterator[Finding]:
    """A stream whose client tore the connection; those whose client left in order are the control."""
    orderly = any(moved_back(h, leave) for leave in leaves(h, "endless", "fin"))
    found = [_treated(h, leave, orderly=orderly) for leave in leaves(h, "endless", "rst")]
    yield from every_time(found, "a reset was taken for no cancel")


def _treated(h: History, leave: Leave, *, orderly: bool) -> Finding:
    produces = _stops(h, leave)
    if produces.stance != "unknown":
        return produces
    if pair := moved_back(h, leave):
        return held(pair[0].record, leave.at, pair[1].record)
    last = [later[-1] for name in LEARNT if (later := _unmoved(h, leave, name))]
    if not last:
        return produces
    if not orderly:
        return unknown("it tells of no leaving in time, however the client leaves", leave.at)
    if stood_still_ourselves(h, leave.at, last[-1].record):
        return unknown("this machine stood still meanwhile", leave.at)
    since = (last[0].asked_ns - leave.at.t_ns) / 1e9
    got = f"{since:.1f} s after a reset the stream was told to be as before"
    wanted = "a reset ends the stream for its producer, as an orderly close does"
    return broken(leave.seen, leave.at, [f.record for f in last], expected=wanted, got=got)


def _unmoved(h: History, leave: Leave, name: str) -> tuple[Figure, ...]:
    """The figures that were asked for after the whole budget, if the target told this one of the stream before it was
    left. That none of them has moved is `moved_back`'s to say."""
    told_ = accounts.of_this(h, leave.session, name)
    before = accounts.until(told_, leave.at)
    if not before or (name == "open" and before[-1].value < 1):
        return ()
    return accounts.late(told_, leave.at, LATE * budget_ns(h, "learn_ms"))


def opened_and_left(*gone_ms: float, how: str) -> tuple[Row, ...]:
    """By hand: rounds in which the target tells only how many streams it has open, and when it let go of each."""
    rows: list[Row] = []
    kept = 0
    for n, life_ms in enumerate(gone_ms, 1):
        session, start_ms = f"endless-{how}-{n}", 10_000.0 * n + (100_000 if how == "rst" else 0)
        rows += told(session, account(start_ms, open=kept), ASK, head(), item(0), start_ms=start_ms)
        rows += told(
            session, account(start_ms + 10, open=kept + 1), Did(f"cancel:{how}"), CANCEL[1], start_ms=start_ms + 10
        )
        last = min(life_ms + 100, _WATCH_MS)
        for at in (start_ms + 12 + 100 * k for k in range(1, int(last / 100) + 1)):
            gone = at >= start_ms + 12 + life_ms
            rows += told(session, account(at, open=kept + (0 if gone else 1)), start_ms=at)
        kept += life_ms > _WATCH_MS
    return tuple(rows)


def both(fin: tuple[Row, ...], rst: tuple[Row, ...], per: str = "run") -> History:
    return written(*fin, *rst, declared=tells(per))


def _cut(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The same, where our proxy tore the connections."""
    cut = Did(f"{CUT}cut_at")
    return tuple((session, at, cut if event == Did("cancel:rst") else event) for session, at, event in rows)


_HEARS: Final = opened_and_left(100, 100, 100, how="fin")
_DEAF: Final = (_FOR_EVER,) * TIMES

CN_11 = Rule(
    id="CN-11",
    level=Level.MUST,
    sentence="A connection that is torn is a cancel to whoever is sending over it.",
    source="seed 000 'Cancellation' (a client that disconnects); contract 3 (design 1)",
    why="Clients on trains, behind proxies and in crashes leave by a reset: each would be worked for to the end.",
    needs=("role:endless", "told:produced|told:open|told:ended|told:cancelled"),
    after=("CN-08",),
    check=resets_are_cancels,
    good=(
        written(*ticking(0, 0, 0, how="rst"), declared=tells()),
        written(*_cut(ticking(0, 0, 0, how="rst")), declared=tells()),
        both(_HEARS, opened_and_left(100, 300, 900, how="rst")),
        # late twice, in time once
        both(_HEARS, opened_and_left(_FOR_EVER, _FOR_EVER, 100, how="rst")),
        # it tells of no leaving whatever, in time: perhaps its figure is slow
        both(opened_and_left(*_DEAF, how="fin"), opened_and_left(*_DEAF, how="rst")),
        # other streams end meanwhile
        both(_HEARS, opened_and_left(100, 100, 100, how="rst"), per="stream"),
    ),
    bad=(
        written(*ticking(*(_FOR_EVER,) * 4, how="rst"), declared=tells()),
        written(*_cut(ticking(*(_FOR_EVER,) * 4, how="rst")), declared=tells()),
        both(_HEARS, opened_and_left(*_DEAF, how="rst")),
    ),
)
