"""BP: what had to wait arrives, after a stall and after a pause.

Judged on objects, where calls are seen exactly; BP-07's other half, about servers, is in `stalls`. Never here: how much
is accepted (`pressure`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import END, Span, stuck
from streamspec.harness.core.event import Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    item,
    played,
    refused,
    send,
    sends,
    take,
    takes,
    waiting,
)
from streamspec.harness.rules import stalls
from streamspec.harness.rules._flow import END_OF_TIME, UNCOUNTED, Flow, count, flows, got_item, key, name, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_BOUNDED: Final = {"feature.capacity": True}
_PLAIN: Final = ("send", "receive", "complete", "observe", "listen", "forget")


def all_arrive(h: History) -> Iterator[Finding]:
    yield from stalls.whole_after_a_stall(h)
    for flow in flows(h):
        if flow.timed or not flow.only(*_PLAIN) or not all(key(item) for item in flow.items):
            continue
        stall = next((s for s in flow.settled if flow.waiting(s) and not _receiving(flow, s)), None)
        if not stall:
            yield unknown("no send was seen to wait while nobody received")
            continue
        yield _swapped(flow) or _lost(flow) or _arrived(flow, stall, stall)


def _receiving(flow: Flow, settled: Record) -> bool:
    return any(span.open_at(settled) for span in flow.receives)


def _swapped(flow: Flow) -> Finding | None:
    """Items of one sender in another order than they were sent in. Two receivers at once show no order."""
    latest: dict[str, Record] = {}
    if len({span.by for span in flow.receives}) > 1:
        return None
    for record in flow.items:
        event = record.event
        assert isinstance(event, Item)
        before = latest.setdefault(event.kind, record)
        if isinstance(before.event, Item) and (before.event.seq or 0) > (event.seq or 0):
            expected = "each sender's items in the order in which they were sent"
            return broken(before, record, expected=expected, got=f"{key(record)} after {key(before)}")
        latest[event.kind] = record
    return None


def _lost(flow: Flow) -> Finding | None:
    """A send that came back whose item never came, though a later one did, or the end, or somebody waits for it."""
    came = {key(record) for record in flow.items}
    completed = flow.first("complete")
    last = flow.settled[-1] if flow.settled else None
    asking = [span for span in flow.receives if span.open]
    if any(not last or not stuck(span, last) for span in asking):
        return None  # one of them may have it
    gone = [span for span in flow.sends if span.returned and span.called.index < completed and name(span) not in came]
    for span in gone:
        if due := _due(flow, span, last if asking else None):
            got = f"{names(gone)} never came" + (", and a receive waits" if asking else "")
            return broken(span.records, due, expected="every accepted item arrives", got=got)
    return None


def _due(flow: Flow, span: Span, asking: Record | None) -> Record | None:
    """What shows that this item should have come by now."""
    if asking:
        return asking if span.ended_before(asking) else None
    number = _number(span)
    for record in flow.items:
        if isinstance(record.event, Item) and record.event.kind == span.by and (record.event.seq or 0) > number:
            return record
    return next((receive.ended for receive in flow.receives if receive.returned and receive.value == END), None)


def _number(span: Span) -> int:
    number = name(span).rpartition(":")[2]
    return int(number) if number.isdecimal() else END_OF_TIME


def _arrived(flow: Flow, waited: Record, since: Record) -> Finding:
    """Held when everything came that was accepted, and after `since` something that waited at `waited`."""
    came = {key(record): record for record in flow.items}
    if any(span.returned and name(span) not in came for span in flow.sends):
        return unknown("not everything that was sent was asked for")
    there = [span for span in flow.sends if span.called.index < waited.index and name(span) in came]
    late = [came[name(span)] for span in there if came[name(span)].index > since.index]
    return held(waited, since, late[0], late[-1]) if late else unknown("nothing was received after the stall")


_STALL: Final = (sends(0, 1, 2), waiting(2, 3), SETTLED)

BP_07 = Rule(
    id="BP-07",
    level=Level.MUST,
    sentence="When a consumer goes on after a stall, every accepted item arrives, in order.",
    source="seed 000 'Blocking' (pauses until the client consumes); seed 002 'Backpressure'",
    why="Pressure is a delay: a stream that loses or swaps what had to wait turns a slow consumer into a wrong one.",
    needs=("object|role:large.item_bytes", "object|role:large.seq"),
    check=all_arrive,
    good=(
        *stalls.WHOLE,
        played(*_STALL, take(3, 0, 1), back(2), takes(4, 1, 2, 3), SETTLED),
        # what waited was refused when the stream was completed
        played(*_STALL, done(3, "complete", "other"), refused(2), takes(4, 0, 1, 2), end(6), SETTLED),
        # two receivers: who writes first need not have received first
        played(
            *(*_STALL, begun(3, "receive", "x"), begun(4, "receive", "y"), back(4, "producer:2"), item(0, 2)),
            *(back(2), back(3, "producer:1"), item(1, 1), take(5, 2, 3), SETTLED),
        ),
    ),
    bad=(
        *stalls.TORN,
        played(*_STALL, take(3, 0, 1), back(2), take(4, 1, 3), SETTLED),
        played(*_STALL, take(3, 0, 2), back(2), take(4, 1, 1), take(5, 2, 3), SETTLED),
        played(*_STALL, takes(3, 0, 1, 2), back(2), begun(5, "receive", "consumer"), SETTLED),
    ),
)


def pauses(h: History) -> Iterator[Finding]:
    for flow in flows(h):
        if flow.timed or flow.first("pause") == END_OF_TIME:
            continue
        found = [finding for start, stop in _pauses(flow) for finding in _while_paused(flow, start, stop)]
        yield from found
        if not flow.only(*_PLAIN, "pause", "resume") or not all(key(item) for item in flow.items):
            continue
        if resumed := _resumed(flow):
            yield _lost(flow) or _resumes(flow, *resumed)
        elif not found:
            yield unknown("the stream was not seen to be paused and resumed")


def _pauses(flow: Flow) -> Iterator[tuple[Span, int]]:
    """Each pause of an open stream, from its return until this record: the first call that may have ended it."""
    over = flow.first("complete", *UNCOUNTED)
    resumes = [span for span in flow.calls if span.op == "resume"]
    for pause in flow.calls:
        if pause.op == "pause" and pause.ended and pause.returned:
            unsure = [span for span in resumes if not span.ended_before(pause.called)]
            stop = min((over, *(span.called.index for span in unsure)))
            if stop > pause.ended.index:
                yield pause, stop


def _while_paused(flow: Flow, pause: Span, stop: int) -> Iterator[Finding]:
    assert pause.ended
    start = pause.ended.index
    for span in flow.receives:
        if span.ended and start < span.called.index and span.ended.index < stop and got_item(span):
            got = f"a receive that began later came back with {span.value}"
            yield broken(pause.records, span.records, expected="no item is delivered while paused", got=got)
            return
    capacity = flow.capacity
    asked = flow.asked(start)
    over = next((at for at in flow.returns if start < at < stop and flow.accepted(at) - asked > (capacity or 0)), None)
    if capacity and over is not None:
        last = next(span for span in flow.sends if span.ended and span.ended.index == over)
        got = f"{count(flow.accepted(over) - asked, 'item')} accepted"
        expected = f"while paused at most {count(capacity, 'item')} accepted, then a send waits"
        yield broken(pause.records, last.records, expected=expected, got=got)


def _resumed(flow: Flow) -> tuple[Span, Span] | None:
    """The last pause and the resume after it, when no pause is left."""
    pauses_ = [span for span in flow.calls if span.op == "pause"]
    resumes = [span for span in flow.calls if span.op == "resume" and span.returned]
    if not pauses_ or len(resumes) < len(pauses_):
        return None
    pause, resume = pauses_[-1], resumes[-1]
    return (pause, resume) if pause.ended and pause.ended_before(resume.called) else None


def _resumes(flow: Flow, pause: Span, resume: Span) -> Finding:
    """Held when a receive waited for what was there, and got it after the resume."""
    for settled in flow.settled:
        between = pause.ended_before(settled) and settled.index < resume.called.index
        if between and _receiving(flow, settled) and flow.accepted(settled.index) > flow.taken(settled.index):
            return _arrived(flow, settled, resume.called)
    return unknown("no receive was seen to wait for what was there while paused")


_PAUSED: Final = (
    sends(0, 1, 2),
    done(2, "pause", "other"),
    begun(3, "receive", "consumer"),
    send(4, 3),
    SETTLED,
)
_RESUMED: Final = (begun(5, "resume", "other"), back(3, "producer:1"), item(0, 1), back(5))

BP_13 = Rule(
    id="BP-13",
    level=Level.MUST,
    sentence="A paused stream delivers nothing and accepts no more than fits; when it is resumed nothing is lost.",
    source="seed 002 'Stream Interface' (Control: pause, resume) and 'Backpressure'",
    why="A pause that leaks or loses is worse than none: its caller believes that the stream stands still.",
    needs=("object", "feature:pause"),
    after=("BP-01",),
    check=pauses,
    good=(
        played(*_PAUSED, *_RESUMED, takes(6, 1, 2, 3), SETTLED, options={"capacity": 3}, declared=_BOUNDED),
        # a receive that had begun before the pause came back after it
        played(
            *(send(0, 1), begun(1, "receive", "consumer"), done(2, "pause", "other"), back(1, "producer:1")),
            *(item(0, 1), send(3, 2), begun(4, "receive", "consumer"), SETTLED, done(5, "resume", "other")),
            *(back(4, "producer:2"), item(1, 2), SETTLED),
        ),
    ),
    bad=(
        played(send(0, 1), done(1, "pause", "other"), take(2, 0, 1), SETTLED),
        played(done(0, "pause", "other"), sends(1, 1, 3), options={"capacity": 2}, declared=_BOUNDED),
        played(*_PAUSED, done(5, "resume", "other"), SETTLED),
    ),
)
