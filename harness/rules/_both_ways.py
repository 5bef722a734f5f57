"""What rules about streams that go both ways share: what we said and when, and what came
behind a cancel that left its stream open.

A wait that ran out counts three times out of three, anything else at once. Here too is how such histories are written
by hand. Never here: a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Farewell,
    Item,
    Opened,
    Record,
    Refused,
    Said,
    Told,
)
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.script import Act, Ask, Direction, Say, Session
from streamspec.harness.core.written import ASK, account, retold, written
from streamspec.harness.rules._accounts import budget_ns, every_time
from streamspec.harness.rules._connections import others_on
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_items import is_known, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.history import History, Kinds
    from streamspec.harness.core.steps import Step

WORD: Final = "cancel:word"
_CLOSINGS: Final = ("close", "cancel:rst", "cancel:fin", "enough")
_ENDS: Final = (Completed, Failed, Ended, Closed, Farewell)
INTERVALS: Final = 3  # without an item, before a producer has stopped
STOOD: Final = 0.7  # of `steady_ms`, at least
_GAPS_LEAST: Final = 4  # between items, before they are called a pace


# -- what we did -------------------------------------------------------------------------------------------------------


def acts_of(h: History, session: str, *names: str) -> tuple[Record, ...]:
    """What we did in this session under these names, in order."""
    return tuple(r for r in h.of(Did, session) if isinstance(r.event, Did) and r.event.act in names)


def first_act(h: History, session: str, *names: str) -> Record | None:
    return next(iter(acts_of(h, session, *names)), None)


def said(h: History, session: str) -> tuple[int, int]:
    """How many items of ours were handed over in all, and their octets."""
    told = [r.event for r in h.of(Said, session) if isinstance(r.event, Said)]
    return (told[-1].n, told[-1].bytes) if told else (0, 0)


def left(h: History, session: str) -> int:
    """The index of the record with which we let go of this stream altogether; beyond all records when we did not. A
    word of cancel leaves it open."""
    closing = first_act(h, session, *_CLOSINGS)
    return closing.index if closing else len(h.records)


def behind(h: History, kinds: Kinds, session: str, since: Record) -> tuple[Record, ...]:
    """Records of these kinds since that record, up to where we let go of the stream: also behind a word of cancel."""
    last = left(h, session)
    return tuple(r for r in h.of(kinds, session) if since.index < r.index < last)


def ended(h: History, session: str, since: Record) -> Record | None:
    """The target's end of the stream, or of its connection, since that record."""
    ends = (r for r in behind(h, _ENDS, session, since) if not isinstance(r.event, Closed) or r.event.how != "ours")
    return next(ends, None)


def gone(h: History, session: str, since: Record) -> Record | None:
    """The target's end of the connection since that record."""
    return next((r for r in behind(h, (Closed, Farewell), session, since) if _is_gone(r)), None)


def _is_gone(record: Record) -> bool:
    return isinstance(record.event, Farewell) or (isinstance(record.event, Closed) and record.event.how != "ours")


# -- what shows that it was read, or that it is silent -----------------------------------------------------------------


def read_on(h: History, session: str, since: Record) -> Record | None:
    """What shows that the target has read what we said behind this record on the same connection, and so this too:
    the first answer to a stream that was opened there afterwards."""
    found = []
    for other in others_on(h, session):
        ask = accounts.asked(h, other)
        answer = h.first((Item, Completed, Failed), other)
        if ask and answer and since.index < ask.index < answer.index:
            found.append(answer)
    return min(found, key=lambda r: r.index, default=None)


def silent_since(h: History, session: str, since: Record) -> Record | None:
    """What shows that no item came any more since that record, for some of the intervals at which such streams had sent
    before, and long enough to tell: the wait that ran out."""
    pace = _pace_ns(h, h.role(session), since)
    waits, items = behind(h, Expired, session, since), behind(h, Item, session, since)
    last = items[-1] if items else since
    if pace is None or not waits or waits[-1].index < last.index:
        return None
    silent_ns = waits[-1].t_ns - last.t_ns
    if standing.lagged(h, last.t_ns, waits[-1].t_ns, silent_ns / 2e6):
        return None
    return waits[-1] if silent_ns >= max(INTERVALS * pace, STOOD * budget_ns(h, "steady_ms")) else None


def _pace_ns(h: History, role: str, before: Record) -> float | None:
    """The longest time between two items of streams of this role, before this record; None where too few came."""
    gaps: list[float] = []
    for session in h.sessions(role):
        times = [r.t_ns for r in standing.items(h, session) if r.index < before.index]
        gaps += [later - earlier for earlier, later in pairwise(times)]
    return max(gaps) if len(gaps) >= _GAPS_LEAST else None


# -- what the witness told ---------------------------------------------------------------------------------------------


def told(h: History, session: str, name: str) -> tuple[Figure, ...]:
    return accounts.of_this(h, session, name)


def last_told(h: History, session: str, name: str) -> int | None:
    found = told(h, session, name)
    return found[-1].value if found else None


def due(h: History, session: str) -> int:
    """How many items the session was told to say."""
    return sum(len(act.items) or act.n for act in h.acts(session) if isinstance(act, Say))


def summed(h: History, session: str, finish: Record, answer: Record) -> Finding:
    """Whether this answer of a `collect` says what we said before."""
    n, octets = said(h, session)
    value = value_of(answer.event) if isinstance(answer.event, Item) else None
    if not is_known(value):
        return unknown("its item is longer than what we keep of it", answer)
    if not isinstance(value, dict) or value.get("count") != n:
        return broken(finish, answer, expected=f'an item with "count": {n}', got=shown(answer))
    if value.get("bytes", octets) != octets:
        return broken(finish, answer, expected=f'an item with "bytes": {octets}', got=shown(answer))
    return held(finish, answer)


def shown(record: Record) -> str:
    """The beginning of an item, for people."""
    return (record.event.prefix[:80] if isinstance(record.event, Item) else "") or "an empty one"


# -- findings ----------------------------------------------------------------------------------------------------------


def waited(h: History, finding: Finding) -> bool:
    """Whether a finding rests on time: a wait that ran out, or an account that still showed nothing."""
    return any(isinstance(h.records[index].event, Expired | Told) for index in finding.evidence)


def rounds(
    h: History, sessions: Sequence[str], one: Callable[[History, str], Finding], what: str, *, timed: bool = False
) -> Iterator[Finding]:
    """Of several rounds: what is broken without a wait is broken at once, and the rest, or where all is `timed`
    everything, as `every_time` says."""
    found = [_unopened(h, session) or one(h, session) for session in sessions]
    at_once = [f for f in found if f.stance == "broken" and not (timed or waited(h, f))]
    if at_once:
        yield from at_once
    else:
        yield from every_time(found, what)


def _unopened(h: History, session: str) -> Finding | None:
    """Why there is nothing to look at, where the stream was not opened. A carrier that shows that only to who reads
    lets us speak before."""
    unread = first_act(h, session, "say", "finish") and not h.first((Opened, Refused), session)
    reason = "" if unread else standing.not_opened(h, session)
    return unknown(reason) if reason else None


def named(h: History, *prefixes: str) -> tuple[str, ...]:
    """The scripted sessions of these kinds that were asked for at all."""
    return tuple(s for s in streams(h, *prefixes) if accounts.asked(h, s))


# -- histories written by hand -----------------------------------------------------------------------------------------

WS_OPEN: Final = Opened(101, "Switching Protocols", "HTTP/1.1", ())
TCP_OPEN: Final = Opened(0, "", "TCP", ())
GRPC_OPEN: Final = Opened(200, "", "HTTP/2", (("content-type", "application/grpc"),))
SAY: Final = Did("say")
FINISH: Final = Did("finish")
CANCELS: Final = Did(WORD)
TERMINAL: Final = (Completed(), Ended("envelope", 100))
REFUSED: Final = Refused("closed")
MARKED: Final[dict[str, str | int | bool]] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "profile.items": "json",
}


def failed(code: str = "CANCELLED") -> tuple[Event, ...]:
    return (Failed(code), Ended("envelope", 100))


@dataclass(frozen=True, slots=True)
class Spoken:
    """Of one session of a history by hand: what was seen of it, one millisecond after the other from `start_ms`. A
    number lets so many more pass, a mapping is what its witness answers."""

    session: str
    seen: tuple[Event | float | Mapping[str, int | str], ...]
    steps: tuple[Step, ...] = ()
    direction: Direction = "server"
    acts: tuple[Act, ...] = (Ask(),)
    start_ms: float = 1.0
    options: Mapping[str, int | str] | None = None

    def rows(self) -> Iterator[tuple[str, float, Event]]:
        at_ms = self.start_ms
        for entry in self.seen:
            if isinstance(entry, int | float):
                at_ms += entry
                continue
            yield self.session, at_ms, account(at_ms - 0.5, **entry) if isinstance(entry, Mapping) else entry
            at_ms += 1


def spoken(*streams: Spoken, binding: str = "ws", declared: Mapping[str, str | int | bool] = MARKED) -> History:
    """A history of these sessions, merged by time."""
    rows = sorted((row for one in streams for row in one.rows()), key=lambda row: row[1])
    by_name = {one.session: one for one in streams}

    def told_to(session: Session) -> Session:
        one = by_name[session.id]
        options = one.options if one.options is not None else session.options
        return replace(session, steps=one.steps, direction=one.direction, acts=one.acts, options=options)

    return retold(written(*rows, binding=binding, declared=declared), told_to)


def opening(binding: str = "ws") -> tuple[Event, ...]:
    heads = {"ws": WS_OPEN, "tcp": TCP_OPEN, "grpc": GRPC_OPEN}
    return (ASK, heads[binding])


def sum_item(count: int, octets: int) -> Item:
    """The answer of a `collect`."""
    text = f'{{"n":1,"count":{count},"bytes":{octets}}}'
    return Item(0, len(text), "s", text, 0, seq=1)
