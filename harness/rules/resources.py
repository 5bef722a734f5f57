"""RL: what is left of streams that have ended: tasks, timers, threads, the objects themselves, and their items; on
servers what `leaks` counts.

A leak is growth in every one of at least three batches of cycles, after one that warms pools and caches up, each
measured again once everything had settled. Never here: memory in bytes, or a single figure without its history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.event import Called, Record, Settled, Told
from streamspec.harness.core.history import History
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import OBJECT, Call, Script, Session
from streamspec.harness.core.written_calls import (
    SETTLED,
    done,
    failed,
    played,
    refused,
    sends,
    takes,
    told,
    waiting,
)
from streamspec.harness.rules import leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streamspec.harness.core.calls import Span
    from streamspec.harness.core.written_calls import Part

CYCLES_LEAST: Final = 100  # in a batch: less cannot show one leak in a hundred
BATCHES_LEAST: Final = 3  # after the one that warms up
# How each kind of cycle ends. Cycles are not written down call by call: one life that is must show that they work.
_ENDINGS: Final = MappingProxyType(
    {"complete": "complete", "error": "error", "cancel": "cancel", "deadline": "complete"}
)


@dataclass(frozen=True, slots=True)
class Batch:
    """So many cycles, and the lowest figures that were seen once everything had settled after them."""

    cycles: int
    records: tuple[Record, ...]
    figures: Mapping[str, int]


def _nothing_left_of(kind: str) -> Callable[[History], Iterator[Finding]]:
    """The check that cycles of this kind leave nothing behind."""

    def check(h: History) -> Iterator[Finding]:
        for session in calls.objects(h):
            if _kinds(h, session) != {kind}:
                continue
            if calls.sent(h, session) and calls.first_done(h, session, _ENDINGS[kind]):
                yield _grown(h, session)
            else:
                yield unknown(f"no stream of this session was seen to send and to {_ENDINGS[kind]}")

    return check


def _kinds(h: History, session: str) -> set[str]:
    """Which cycles the session's script asks for: with several, no growth is anybody's."""
    acts = next((s.acts for s in h.header.script.sessions if s.id == session), ())
    return {act.arg for act in acts if isinstance(act, Call) and act.op == "cycle"}


def _grown(h: History, session: str) -> Finding:
    batches = _batches(h, session)
    if len(batches) <= BATCHES_LEAST or any(b.cycles < CYCLES_LEAST or not b.figures for b in batches):
        return unknown(f"no {BATCHES_LEAST + 1} batches of {CYCLES_LEAST} cycles came to their end and settled")
    records = [batch.records for batch in batches]
    begin, over = batches[0].records[0], batches[-1].records[-1]
    if any(begin.index < record.index < over.index for record in h.of(Called, session)):
        return unknown("other calls were made meanwhile", begin, over)
    for name in sorted(set.intersection(*(set(batch.figures) for batch in batches))):
        more = [later.figures[name] - earlier.figures[name] for earlier, later in pairwise(batches)]
        if all(n * 100 >= batch.cycles for n, batch in zip(more, batches[1:], strict=True)):
            word = "live objects" if name == "objects" else name
            got = f"{', '.join(f'+{n}' for n in more)} {word} in batches of {batches[-1].cycles}"
            return broken(records, expected=f"as many {word} after a batch of cycles as before it", got=got)
    return held(records)


def _batches(h: History, session: str) -> list[Batch]:
    """In order. A measure of no cycles is a second look at the batch before it, and the one that counts, if everything
    had settled in between."""
    batches: list[Batch] = []
    settled = False
    for record in h.of((Told, Settled), session):
        if isinstance(record.event, Settled):
            settled = settled or not record.event.late
        elif isinstance(record.event, Told) and isinstance(cycles := record.event.values.get("cycles"), int):
            if cycles:
                batches.append(Batch(cycles, (record,), {}))
                settled = False
            elif settled and batches:
                batches[-1] = _seen(batches[-1], record, record.event.values)
    return batches


def _seen(batch: Batch, record: Record, values: Mapping[str, int | str]) -> Batch:
    numbers = {name: value for name, value in values.items() if isinstance(value, int) and name != "cycles"}
    lowest = {name: min(value, batch.figures.get(name, value)) for name, value in numbers.items()}
    return replace(batch, records=(*batch.records, record), figures={**batch.figures, **lowest})


def _cycled(kind: str, *figures: int, name: str = "objects", cycles: int = 100, between: Part = SETTLED) -> History:
    """A life, then batches of cycles, after each of which this figure was so high."""
    parts = ((told(cycles=cycles, **{name: n + 7}), between, told(cycles=0, **{name: n})) for n in figures)
    h = played(sends(0, 1, 1), done(1, _ENDINGS[kind]), *parts)
    session = Session("object", OBJECT, (Call("cycle", "leaker", arg=kind),))
    return History(replace(h.header, script=Script((session,))), h.records)


def _leak(
    number: str,
    kind: str,
    *,
    sentence: str,
    source: str,
    needs: tuple[str, ...],
    figure: str,
    ends: Callable[[History], leaks.Ends] | None = None,
    how: str = "",
) -> Rule:
    """One rule a kind of ending: they differ in nothing else. `ends` finds the streams of a server that ended so, and
    `how` says it."""
    of_objects = _nothing_left_of(kind)

    def check(h: History) -> Iterator[Finding]:
        yield from of_objects(h)
        if ends:
            yield from leaks.nothing_left(h, ends(h), how)

    return Rule(
        id=f"RL-{number}",
        level=Level.MUST,
        sentence=sentence,
        source=source,
        why="What every stream leaves behind adds up, until the process that serves them stands still.",
        needs=needs,
        check=check,
        good=(
            _cycled(kind, 3, 3, 3, 3, name=figure),
            # pools and caches grow, and stop growing
            _cycled(kind, 1, 40, 60, 60, name=figure),
            # one more in a batch of two hundred is less than one in a hundred
            _cycled(kind, 1, 2, 3, 4, name=figure, cycles=200),
            # too few cycles, or nothing had settled: what ends soon is no leak
            _cycled(kind, 1, 2, 3, 4, name=figure, cycles=10),
            _cycled(kind, 1, 2, 3, 4, name=figure, between=()),
            *(leaks.good(how) if ends else ()),
        ),
        bad=(
            _cycled(kind, 1, 2, 3, 4, name=figure),
            _cycled(kind, 1, 101, 201, 301, name="objects"),
            *(leaks.bad(how, "fds") if ends else ()),
        ),
    )


RL_01 = _leak(
    "01",
    "complete",
    sentence="Streams that completed leave nothing behind: no task, timer, thread, object, descriptor or socket.",
    source="seed 004 'Resource cleanup on stream completion/cancellation'",
    needs=("object|process", "feature:complete|role:finite"),
    figure="tasks",
    ends=leaks.completed,
    how="completed",
)

RL_02 = _leak(
    "02",
    "error",
    sentence="Streams that failed leave nothing behind: no task, timer, thread, object, descriptor or socket.",
    source="seed 004 'Resource cleanup on stream completion/cancellation'; seeds 2.6, invariant 2 (freed exactly once)",
    needs=("object|process", "feature:error|role:failing"),
    figure="threads",
    ends=leaks.failed,
    how="failed",
)

RL_03 = _leak(
    "03",
    "cancel",
    sentence="Streams that were cancelled leave nothing behind: no task, timer, thread, object, descriptor or socket.",
    source="seed 004 'Stream cancellation cleans up resources properly'; seed 002 'Clean up resources'",
    needs=("object|process", "feature:cancel|role:endless"),
    figure="tasks",
    ends=leaks.left("fin"),
    how="were left",
)

RL_06 = _leak(
    "06",
    "deadline",
    sentence="Streams that end before their deadline leave no timer behind, nor anything else.",
    source="contract 3 (design 1); seed 001 'Context Handling' (a context that is over holds no timer)",
    needs=("object|process", "feature:deadline|feature:deadline_ms", "feature:complete"),
    figure="timers",
    ends=leaks.in_time,
    how="ended before their deadline",
)


def items_are_dropped_after_a_cancel(h: History) -> Iterator[Finding]:
    for session in calls.objects(h):
        cancel = calls.first_done(h, session, "cancel")
        for record, alive in calls.told(h, session, "items_alive"):
            if cancel is None or cancel.ended is None or record.index < cancel.ended.index:
                yield unknown("no cancel had come back when the items were counted", record)
            elif isinstance(alive, int):
                yield _dropped(h, session, cancel, record, alive)


def _dropped(h: History, session: str, cancel: Span, record: Record, alive: int) -> Finding:
    """An exception that was raised to several holds the calls that it was raised to, and their items: that is no
    buffer. With threads a caller may still hold what it had last."""
    spans = calls.spans(h, session)
    settled = [r for r in calls.settlings(h, session) if _between(cancel, r, record)]
    if not settled or any(not span.ended_before(record) for span in spans if span.called.index < record.index):
        return unknown("calls were still open when the items were counted", record)
    kept = _buffered(h, session, cancel)
    allowed = sum(span.raised is not None for span in spans if span.op == "send")
    if not (isinstance(settled[-1].event, Settled) and settled[-1].event.exact):
        allowed += len({span.by for span in spans})
    if alive > allowed:
        got = f"{alive} items are still referenced, {kept} had been accepted and not received"
        return broken(cancel.records, record, expected="no item is kept after the cancel", got=got)
    if kept > allowed:
        return held(cancel.records, record)
    return unknown("too few items were in the stream when it was cancelled", cancel.called)


def _between(cancel: Span, settled: Record, record: Record) -> bool:
    return cancel.ended is not None and cancel.ended.index < settled.index < record.index


def _buffered(h: History, session: str, cancel: Span) -> int:
    """How many items were accepted and not received when it was cancelled, at least."""
    asked = calls.spans(h, session, "receive", "iterate")
    if any(span.op == "iterate" for span in asked):
        return 0
    accepted = sum(span.ended_before(cancel.called) for span in calls.sent(h, session))
    taken = sum(cancel.ended is not None and span.called.index < cancel.ended.index for span in asked)
    return max(0, accepted - taken)


_BUFFERED: Final = (sends(0, 1, 6), takes(6, 0, 1, 2), done(8, "cancel", "consumer"))

RL_07 = Rule(
    id="RL-07",
    level=Level.SHOULD,
    sentence="After a cancel the stream holds no reference to the items that nobody received.",
    source="contract 3 (design 1: cancel discards the buffer); after Reactive Streams §3.13 (references are dropped)",
    why="Whoever still holds the stream, to see how it ended, holds everything that it ever buffered.",
    needs=("object", "feature:cancel"),
    check=items_are_dropped_after_a_cancel,
    good=(
        played(_BUFFERED, SETTLED, told(items_alive=0)),
        # one shared exception holds the sends that it was raised to
        played(_BUFFERED, failed(9, "send", "CANCELLED"), SETTLED, told(items_alive=1)),
        # a thread may still have its last item in its hands
        played(_BUFFERED, Settled(exact=False), told(items_alive=2), kind="threads"),
        # nothing had settled, or a send was still open
        played(_BUFFERED, told(items_alive=4)),
        played(sends(0, 1, 6), waiting(6, 7), done(7, "cancel", "consumer"), SETTLED, told(items_alive=7),
               refused(6, "CANCELLED")),
        # no cancel came back
        played(sends(0, 1, 6), SETTLED, told(items_alive=6)),
    ),
    bad=(
        played(_BUFFERED, SETTLED, told(items_alive=4)),
        played(_BUFFERED, Settled(exact=False), told(items_alive=4), kind="threads"),
    ),
)  # fmt: skip
