"""HB: signs of life on a stream that is idle (seed 003, HTML §9.2.7). Only where the interval is declared.

Never here: an array, whose only sign of life would be a blank, which no decoder tells of.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import (
    Deviation,
    Did,
    Expired,
    Heartbeat,
    Item,
    Lagged,
    Meta,
    Opened,
    Record,
    Told,
)
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, EOF, account, chunked, head, item, told, written
from streamspec.harness.rules._wire import ROOTS, is_called_heartbeat, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

    Timed = tuple[float, Event]

_ON: Final = ("sse", "ndjson")
_WATCH: Final = "silent_ms"  # the budget of the watch
ROUNDS: Final = 3
_FACTOR: Final = 1.5  # of the declared interval, before silence is late


def _every_ms(h: History) -> int:
    """The declared interval, 0 for none."""
    declared = h.declared("idle", "heartbeat_ms")
    return declared if isinstance(declared, int) else 0


def _late_ms(h: History) -> float:
    """From when on silence is late."""
    return _FACTOR * _every_ms(h) + h.header.budgets.get("heartbeat_ms", BUDGETS_MS["heartbeat_ms"])


def _watched(h: History) -> Iterator[str]:
    """Idle sessions that did nothing but read: who takes an account, or stalls, does not hear what comes meanwhile."""
    for session in h.sessions("idle"):
        if not any(isinstance(r.event, Told) or r.event == Did("stall") for r in h.of((Told, Did), session)):
            yield session


def _signs(h: History, session: str) -> tuple[Record, ...]:
    """Whatever the target sent, from its head on: any octet is a sign of life."""
    return standing.theirs(h, (Opened, Item, Heartbeat, Meta, Deviation), session)


def _silence(h: History, session: str, signs: Sequence[Record]) -> tuple[Record, Record] | None:
    """Two records, neighbours in time, between which it was silent for too long."""
    end = next((r for r in standing.theirs(h, Expired, session) if _ran_out(r)), None)
    moments = (*signs, end) if end else signs
    return next(((a, b) for a, b in pairwise(moments) if (b.t_ns - a.t_ns) / 1e6 > _late_ms(h)), None)


def _ran_out(record: Record) -> bool:
    return isinstance(record.event, Expired) and record.event.budget == _WATCH


def interval_is_met(h: History) -> Iterator[Finding]:
    """Too early is nothing; too late counts when it happens to every one of three streams at once."""
    if not _every_ms(h):
        return
    sessions = tuple(_watched(h))
    silent: list[tuple[Record, Record]] = []
    in_time: list[tuple[Record, Record]] = []
    for session in sessions:
        signs, first = _signs(h, session), next(iter(standing.items(h, session)), None)
        gap = _silence(h, session, signs)
        if not first:
            yield unknown(why_unlike(h, session) or "idle sent no item")
        elif gap and standing.lagged(h, gap[0].t_ns, gap[1].t_ns, _late_ms(h) / 4):
            yield unknown("this machine stood still meanwhile")
        elif gap:
            silent.append(gap)
        elif signs[-1].index > first.index:
            in_time.append((first, signs[-1]))
        else:
            yield unknown("idle was not watched for long enough")
    if silent and len(silent) == len(sessions) >= ROUNDS:
        shortest_ms = min((b.t_ns - a.t_ns) / 1e6 for a, b in silent)
        expected = f"a sign of life every {_every_ms(h)} ms"
        yield broken(silent, expected=expected, got=f"silence, for {shortest_ms:.0f} ms and more, every time")
    elif silent:
        yield unknown(f"{len(silent)} of {len(sessions)} streams were silent for too long", silent)
    elif in_time:
        yield held(in_time)


_EVERY: Final[dict[str, str | int | bool]] = {"idle.heartbeat_ms": 1000}


_END: Final[tuple[Timed, ...]] = ((5010.0, Expired(_WATCH, 5000)), (5011.0, CLOSE[0]), (5012.0, CLOSE[1]))


def _idle(n: int, *timed: Timed, binding: str = "sse") -> tuple[Row, ...]:
    """One stream that had its item, and then these events at these times."""
    opened = head() if binding == "sse" else chunked(binding)
    return (
        *told(f"idle-{n}", ASK, opened, item(0), step_ms=5),
        *((f"idle-{n}", at_ms, event) for at_ms, event in timed),
    )


def _thrice(*timed: Timed, binding: str = "sse") -> History:
    """Three streams watched at once."""
    rows = (row for n in (1, 2, 3) for row in _idle(n, *timed, binding=binding))
    return written(*rows, declared=_EVERY, binding=binding)


_BEATS: Final[tuple[Timed, ...]] = tuple((10.0 + 1000 * n, Heartbeat()) for n in (1, 2, 3, 4))

HB_01 = Rule(
    id="HB-01",
    level=Level.SHOULD,
    sentence="An idle stream shows a sign of life in the interval that is declared.",
    source="seed 003 'Add heartbeat messages'; HTML §9.2.7",
    why="Proxies cut what is silent for long, and a client cannot tell an idle stream from a dead one.",
    needs=("role:idle.heartbeat_ms",),
    after=ROOTS,
    on=_ON,
    check=interval_is_met,
    good=(
        _thrice(*_BEATS, *_END),
        # any octet is one: an event that a profile does not know, a line that is empty
        _thrice((1000.0, Meta("meta")), (2100.0, item(1, kind="ping")), (3500.0, Heartbeat()), *_END),
        _thrice((2000.0, Deviation("ndjson.empty-line", 20)), (4000.0, Heartbeat()), *_END, binding="ndjson"),
        # early, often, and late by less than anybody notices
        _thrice(*((10.0 + 10 * n, Heartbeat()) for n in range(20)), (3500.0, Heartbeat()), *_END),
        # two silent, one not
        written(*_idle(1, *_END), *_idle(2, *_END), *_idle(3, *_BEATS, *_END), declared=_EVERY),
        # our own loop stood still
        written(*(row for n in (1, 2, 3) for row in _idle(n, *_END)), ("", 4000.0, Lagged(3000)), declared=_EVERY),
        # not read, but left, or asked about
        _thrice((20.0, CANCEL[0]), (21.0, CANCEL[1])),
        _thrice((20.0, account(15.0, open=1)), *_END),
        _thrice((20.0, EOF)),
    ),
    bad=(
        _thrice(*_END),
        # once, and never again
        _thrice(_BEATS[0], *_END),
        _thrice((4000.0, Heartbeat()), *_END, binding="ndjson"),
    ),
)


def heartbeats_are_no_items(h: History) -> Iterator[Finding]:
    """On a stream that has one item and then none, what comes in the rhythm of its heartbeats is one of them."""
    every_ms = _every_ms(h)
    if not every_ms:
        return
    for session in _watched(h):
        items = standing.items(h, session)
        beats = [r for r in _signs(h, session) if isinstance(r.event, Heartbeat | Meta)]
        gaps = [(b, (b.t_ns - a.t_ns) / 1e6) for a, b in pairwise(items)]
        late = [record for record, gap_ms in gaps if every_ms / 2 <= gap_ms <= _late_ms(h)]
        if not items:
            yield unknown(why_unlike(h, session) or "idle sent no item")
        elif beats and not late:
            yield held(items[0], beats[-1])
        elif not late:
            yield unknown("no heartbeat came while we looked")
        elif any(is_called_heartbeat(record.event) for record in late):
            yield unknown("an item is called a heartbeat: name it in a profile (docs/adding.md)", late[:3])
        elif beats or len(late) < 2:
            yield unknown("idle sent further items", late[:3])
        else:
            got = f"{len(late)} further items in the rhythm of its heartbeats, and no heartbeat"
            yield broken(items[0], late[:3], expected="one item, and heartbeats that are none", got=got)


HB_02 = Rule(
    id="HB-02",
    level=Level.SHOULD,
    sentence="A heartbeat is no item: it is not counted as one.",
    source="seed 003 'Add heartbeat messages'; practice",
    why="A consumer stores, shows or counts an item that never was.",
    needs=("role:idle.heartbeat_ms",),
    after=ROOTS,
    on=_ON,
    check=heartbeats_are_no_items,
    good=(
        _thrice(*_BEATS, *_END),
        _thrice((1010.0, Meta("meta")), (2010.0, Meta("meta")), *_END),
        _thrice((1010.0, Heartbeat()), (1010.0, Deviation("ndjson.empty-line", 20)), *_END, binding="ndjson"),
        # called by its name, in a dialect that has no word for it
        _thrice((1010.0, item(1, kind="heartbeat")), (2010.0, item(2, kind="heartbeat")), *_END),
        _thrice((1010.0, Item(1, 15, "0", '{"type": "ping"}', 20)), (2010.0, Item(2, 15, "0", '{"type": "ping"}', 40))),
        # a stream that is not as idle as declared
        _thrice((1010.0, item(1)), (1500.0, Heartbeat()), (2100.0, item(2)), *_END),
        _thrice((15.0, item(1)), (20.0, item(2)), *_BEATS, *_END),
    ),
    bad=(
        _thrice((1010.0, item(1)), (2010.0, item(2)), (3010.0, item(3)), *_END),
        _thrice((1010.0, item(1)), (2010.0, item(2)), *_END, binding="ndjson"),
    ),
)
