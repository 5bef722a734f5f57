"""DL on scripted servers: an idle limit is put off by items, and by nothing else; and how its end is shown.

Never here: a rule (those are in `idle_limits`), or a deadline.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Expired, Failed, Heartbeat, Meta
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told
from streamspec.harness.rules._accounts import TIMES, every_time
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_times import (
    CODED,
    Limit,
    end_of,
    ends_anyway,
    given,
    limits,
    still_open,
    unopened,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

BUSY: Final = "script-busy"  # it sends often, for longer than its idle limit, and completes
FREE: Final = "script-free-busy"  # the same without a limit
IDLE: Final = "script-idle"  # one item, and then a gate that nobody opens
WAITS: Final = "script-free-idle"  # the same without a limit
BEATING: Final = "script-beating"  # as idle, with heartbeats
_OPTION: Final = "idle_ms"
_GAP: Final = 0.5  # of the limit: who has seen no longer silence than this has seen no idle stream


# -- what puts it off --------------------------------------------------------------------------------------------------


def items_put_the_end_off(h: History) -> Iterator[Finding]:
    yield from unopened(h, BUSY, BEATING)
    works = any(_ended_in_time(h, limit) for limit in limits(h, IDLE, _OPTION))
    if busy := limits(h, BUSY, _OPTION):
        yield from _busy(h, busy, works=works)
    rounds = [_beating(h, limit) for limit in limits(h, BEATING, _OPTION)]
    if works:
        yield from every_time(rounds, "heartbeats put its end off")
    elif rounds:
        yield unknown("without heartbeats no idle end was seen")


def _busy(h: History, busy: tuple[Limit, ...], *, works: bool) -> Iterator[Finding]:
    """Cut off three times out of three: a handler may be late with its next item. Where no idle limit ends anything,
    one that ends nothing here says nothing."""
    free = [end for session in streams(h, FREE) if (end := end_of(h, session))]
    if not free or any(end.how != "succeeded" for end in free):
        yield unknown("without an idle limit it was not seen to succeed")
        return
    cut = [finding for limit in busy if (finding := _cut_off(h, limit))]
    whole = [(limit, end) for limit in busy if (end := end_of(h, limit.session)) and end.how == "succeeded"]
    if len(cut) == len(busy) >= TIMES:
        yield from cut
    elif cut:
        yield unknown(f"{len(cut)} of {len(busy)} busy streams were ended before they were over")
    elif whole and works:
        yield held([(limit.head, end.record) for limit, end in whole])
    elif whole:
        yield unknown("no idle end was seen that could have been put off")
    else:
        yield unknown("no busy stream was seen to its end")


def _cut_off(h: History, limit: Limit) -> Finding | None:
    """Ended with failure soon after an item, though it was never silent for long before."""
    end, items = end_of(h, limit.session), standing.items(h, limit.session)
    if not end or end.how != "failed" or len(items) < 2:
        return None
    longest_ms = max((b.t_ns - a.t_ns) / 1e6 for a, b in pairwise(items))
    after_ms = (end.record.t_ns - items[-1].t_ns) / 1e6
    if longest_ms > _GAP * limit.ms or after_ms > limit.ms - limit.slack_ms:
        return None
    got = f"{end.shown} {after_ms:.0f} ms after item {len(items)} was sent, at most"
    return broken(items[-1], end.record, expected=f"no idle end within {limit.ms} ms of the last item", got=got)


def _beating(h: History, limit: Limit) -> Finding:
    beats = standing.theirs(h, (Heartbeat, Meta), limit.session)
    late, end = still_open(h, limit), _ended_in_time(h, limit)
    if late and beats:
        expected = f"an idle end {limit.ms} ms after the last item, whatever heartbeats come"
        return broken(limit.head, beats[-1], late, expected=expected, got=f"still waiting {limit.after(late.t_ns)}")
    # In an array a heartbeat is a blank at most, which no decoder tells of: that they were asked for has to do.
    seen = beats or h.header.binding == "json_array"
    return held(limit.head, end) if end and seen else unknown("no heartbeats and no idle end were seen", end)


def _ended_in_time(h: History, limit: Limit) -> Record | None:
    """The record of a failure that may well be the idle end."""
    end = end_of(h, limit.session)
    in_time = end and end.how == "failed" and limit.earliest_ns <= end.record.t_ns <= limit.latest_ns
    return end.record if end and in_time else None


# -- how it is shown ---------------------------------------------------------------------------------------------------


def idle_end_is_a_failure(h: History) -> Iterator[Finding]:
    """Where failures have a terminal it is due; else a message cut short will do."""
    yield from unopened(h, IDLE)
    found = limits(h, IDLE, _OPTION)
    if found and (anyway := ends_anyway(h, WAITS)):
        yield anyway
        return
    yield from every_time([_is_shown(h, limit) for limit in found], "the idle end came late")


def _is_shown(h: History, limit: Limit) -> Finding:
    end, late = end_of(h, limit.session), still_open(h, limit)
    coded = h.header.declared.get("profile.error_channel")
    expected = f"{'an error terminal' if coded else 'a failure'} after {limit.ms} idle ms"
    if end is None and late is None:
        return unknown("it was not watched for long enough")
    if end is None and late:
        return broken(limit.head, late, expected=expected, got=f"still waiting {limit.after(late.t_ns)}")
    assert end is not None
    if end.record.t_ns < limit.earliest_ns or end.how == "unclear":
        return unknown(f"it ended with {end.shown}", end.record)
    if end.how == "failed" and (not coded or isinstance(end.record.event, Failed) or h.header.binding == "json_array"):
        return held(limit.head, end.record)
    return broken(limit.head, end.record, expected=expected, got=end.shown)


# -- histories written by hand -----------------------------------------------------------------------------------------

_LIMITS: Final = {name: {_OPTION: 600} for name in (BUSY, IDLE, BEATING)}
_OVER: Final = (Failed("TIMED_OUT"), ENDED, EOF)
_WELL: Final = (Completed(), ENDED, EOF)
_STAYS: Final = (Expired("item_ms", 5_000), *CLOSE)
Timed = tuple[float, tuple["Event", ...]]


def _play(session: str, start_ms: float, *timed: Timed, items: int = 1, every_ms: float = 100.0) -> Iterator[Row]:
    yield from told(session, ASK, head(), start_ms=start_ms)
    for n in range(items):
        yield session, start_ms + 2 + n * every_ms, item(n)
    for after_ms, events in timed:
        yield from told(session, *events, start_ms=start_ms + after_ms)


def busy(*cut_ms: int, idle: Timed = (605, _OVER), free: tuple[Event, ...] = _WELL, every_ms: float = 100.0) -> History:
    """By hand: streams of twelve items, cut off so long after they were asked for (0: not at all)."""
    rows = [*_play(f"{IDLE}-1", 0, idle), *_play(FREE, 10_000, (12 * every_ms + 5, free), items=12, every_ms=every_ms)]
    for n, after_ms in enumerate(cut_ms, 1):
        end: Timed = (after_ms, _OVER) if after_ms else (12 * every_ms + 5, _WELL)
        many = int(after_ms // every_ms) if after_ms else 12
        rows += _play(f"{BUSY}-{n}", 20_000.0 * n, end, items=many, every_ms=every_ms)
    return given(*rows, options=_LIMITS)


def beating(*end_ms: int, idle: Timed = (605, _OVER)) -> History:
    """By hand: idle streams with heartbeats that end so long after they were asked for (0: never)."""
    rows = [*_play(f"{IDLE}-1", 0, idle)]
    for n, after_ms in enumerate(end_ms, 1):
        beats: list[Timed] = [(float(t), (Heartbeat(),)) for t in range(100, after_ms or 5_000, 100)]
        end: Timed = (after_ms, _OVER) if after_ms else (5_000, _STAYS)
        rows += _play(f"{BEATING}-{n}", 20_000.0 * n, *beats, end)
    return given(*rows, options=_LIMITS)


def idle(
    *each: Timed, free: Timed = (2_000, _STAYS), declared: dict[str, str | int | bool] = CODED, binding: str = "sse"
) -> History:
    """By hand: idle streams that end so."""
    rows = [*_play(WAITS, 0, free)]
    for n, end in enumerate(each, 1):
        rows += _play(f"{IDLE}-{n}", 10_000.0 * n, end)
    return given(*rows, options=_LIMITS, declared=declared, binding=binding)


PUT_OFF: Final = (
    busy(0, 0, 0),
    beating(606, 606, 606),
    # slow twice; the idle end comes to nobody, so that nothing can be said of who is busy or beats
    busy(610, 610, 0),
    busy(0, 0, 0, idle=(5_000, _STAYS)),
    beating(0, 0, 0, idle=(5_000, _STAYS)),
    beating(0, 0, 606),
    # it fails without a limit, too; and items that came so seldom may have let it pass
    busy(610, 610, 610, free=_OVER),
    busy(1_500, 1_500, 1_500, every_ms=700),
)
NOT_PUT_OFF: Final = (busy(610, 610, 610), beating(0, 0, 0))
PLAIN: Final[dict[str, str | int | bool]] = {}
SHOWN: Final = (
    idle((605, _OVER), (700, _OVER)),
    idle((605, (EOF,)), declared=PLAIN),
    idle((605, (ENDED, EOF)), binding="json_array"),
    idle((5_000, _STAYS), (5_000, _STAYS), (605, _OVER)),
    # it ends without a limit, too, or before its time
    idle((605, _WELL), free=(605, _WELL)),
    idle((100, _WELL)),
)
HIDDEN: Final = (
    idle((5_000, _STAYS), (5_000, _STAYS), (5_000, _STAYS)),
    idle((605, _WELL), (605, _WELL), (605, _WELL)),
    idle((605, (ENDED, EOF)), (605, (ENDED, EOF)), (605, (ENDED, EOF)), declared=PLAIN),
    idle((605, (EOF,)), (605, (EOF,)), (605, (EOF,))),
)
