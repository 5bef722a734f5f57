"""BP: what a stream says of its own bound: how much fits by default, in which unit, how much is in it now.

Judged on objects, where calls are seen exactly. Never here: whether there is a bound at all (`pressure`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.calls import Span, stuck
from streamspec.harness.core.event import Record, Settled
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    played,
    refused,
    send,
    sends,
    take,
    together,
    told,
    waiting,
)
from streamspec.harness.rules._flow import END_OF_TIME, UNCOUNTED, Flow, count, declared, exact, flows, key, name
from streamspec.harness.rules.pressure import bound_of, untouched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Called
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written_calls import Part

_BOUNDED: Final = {"feature.capacity": True}
_FULL: Final = (sends(0, 1, 2), waiting(2, 3), SETTLED)


def default_as_declared(h: History) -> Iterator[Finding]:
    capacity = declared(h, "capacity")
    for flow in flows(h):
        if capacity is None or capacity < 1 or flow.timed or flow.option("capacity", "capacity") is not None:
            continue
        early = _waits_early(flow, capacity)
        yield early or bound_of(flow, capacity, "accepted and not received, as the object declares")


def _waits_early(flow: Flow, capacity: int) -> Finding | None:
    """A send that waits though there is room for it, whatever else may be on its way."""
    for settled in flow.settled:
        parked = [span for span in flow.waiting(settled) if stuck(span, settled)]
        most = flow.offered(settled.index, parked) - flow.taken(settled.index)
        if parked and most < capacity and settled.index < untouched(flow):
            expected = f"{count(capacity, 'item')} accepted before a send waits, as the object declares"
            return broken(parked[0].called, settled, expected=expected, got=f"{most}, and {name(parked[0])} waits")
    return None


def _by_default(n: int) -> Mapping[str, int | bool]:
    return {"feature.default-capacity": True, "object.capacity": n}


BP_04 = Rule(
    id="BP-04",
    level=Level.SHOULD,
    sentence="A stream made without options accepts as many items as it declares, and the next send waits.",
    source="seed 002 'Stream Options' (default 16)",
    why="The default is what nearly everybody runs with: a figure that is not true is worse than none.",
    needs=("object", "feature:default-capacity"),
    check=default_as_declared,
    good=(
        played(*_FULL, declared=_by_default(2)),
        # a send that waits here, and is refused later
        played(*_FULL, done(3, "error", "other"), refused(2, "INTERNAL"), SETTLED, declared=_by_default(2)),
        # room is made and taken again
        played(*_FULL, take(3, 0, 1), back(2), waiting(4, 4), SETTLED, declared=_by_default(2)),
    ),
    bad=(
        played(sends(0, 1, 3), waiting(3, 4), SETTLED, declared=_by_default(2)),
        played(*_FULL, declared=_by_default(3)),
    ),
)


def tells_what_is_buffered(h: History) -> Iterator[Finding]:
    for flow in flows(h):
        if flow.timed:
            continue
        limit = flow.first(*UNCOUNTED, "drop")
        looks = [look for look in _looks(flow) if look.told.index < limit]
        came = [key(item) for item in flow.items]
        if not looks:
            yield unknown("the object was not asked while it was open")
        elif not all(came) or len(came) > len(set(came)):
            yield unknown("items came that were not sent, or twice: they cannot be counted")
        else:
            yield from (_compare(flow, look) for look in looks)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the figure, and what it was taken of."""

    call: Span
    told: Record
    value: int


def _looks(flow: Flow) -> Iterator[_Look]:
    for record, value in calls.told(flow.h, flow.session, "buffered_amount"):
        around = [span for span in flow.calls if span.op == "observe" and span.open_at(record)]
        if len(around) == 1 and isinstance(value, int):
            yield _Look(around[0], record, value)


def _compare(flow: Flow, look: _Look) -> Finding:
    low, high = _between(flow, look.call)
    seen = (look.call.records, look.told)
    got = f"buffered_amount is {look.value}"
    if look.value > high:
        open_sends = sum(span.open_at(look.told) for span in flow.sends)
        also = f", while {count(open_sends, 'send')} had not come back" if open_sends else ""
        expected = f"at most {count(high, 'item')}, which is what was accepted and not received"
        return broken(seen, expected=expected, got=got + also)
    if look.value >= low:
        return held(seen) if low == high else unknown("too much was on its way when the object was asked", seen)
    if {name(span) for span in flow.sends if span.returned} <= {key(item) for item in flow.items}:
        return broken(seen, expected=f"{count(low, 'item')}, which were received later", got=got)
    return unknown("not every item was received later: the figure may be true, and the item lost", seen)


def _between(flow: Flow, call: Span) -> tuple[int, int]:
    """How many items were buffered while the object was asked, at least and at most. Exactly known where nothing had
    begun since nothing moved any more: then who is open waits, and is not accepted."""
    until = call.ended.index if call.ended else END_OF_TIME
    still = next((s for s in reversed(flow.settled) if s.index < call.called.index), None)
    moved = any(still and still.index < span.called.index < until and span.op != "observe" for span in flow.calls)
    if still and exact(still) and not moved:
        now = flow.accepted(until) - flow.taken(call.called.index)
        return now, now
    most = flow.offered(until) - flow.taken(call.called.index)
    capacity = flow.capacity
    return max(0, flow.held(call.called.index)), most if capacity is None else min(most, capacity)


def _asked(call: int, amount: int) -> tuple[Part, ...]:
    return begun(call, "observe", "watcher"), told(buffered_amount=amount), back(call)


_DRAINED: Final = (take(4, 0, 1), back(2), take(5, 1, 2), take(6, 2, 3))

BP_14 = Rule(
    id="BP-14",
    level=Level.SHOULD,
    sentence="The buffered amount is the number of items accepted and not received; sends that wait are not counted.",
    source="seed 002 'Stream Interface' (bufferedAmount)",
    why="Who watches it to add producers, or to shed load, acts on a number that is not there.",
    needs=("object", "feature:buffered"),
    after=("BP-01",),
    check=tells_what_is_buffered,
    good=(
        played(*_FULL, _asked(3, 2), *_DRAINED, options={"capacity": 2}, declared=_BOUNDED),
        # with threads a send that came back late may have been accepted, or not
        played(
            *(send(0, 1), waiting(1, 2), Settled(exact=False), _asked(2, 1), back(1), _asked(3, 2)),
            options={"capacity": 2},
            declared=_BOUNDED,
            kind="threads",
        ),
    ),
    bad=(
        played(*_FULL, _asked(3, 3), *_DRAINED, options={"capacity": 2}, declared=_BOUNDED),
        played(*_FULL, _asked(3, 1), *_DRAINED, options={"capacity": 2}, declared=_BOUNDED),
    ),
)


@dataclass(frozen=True, slots=True)
class _Count:
    """What one session shows of how many items of its size fit."""

    flow: Flow
    shortest: int
    longest: int
    rest: Record | None  # where a send waits, with nothing received yet
    most: int  # accepted until then, if that send is known to wait
    least: int


def counts_items(h: History) -> Iterator[Finding]:
    """Sessions that differ in the size of their items alone."""
    judged = [flow for flow in flows(h) if flow.capacity and not flow.timed and flow.sends]
    counts = [_count(flow) for flow in judged]
    for small in counts:
        for big in counts:
            if 10 * small.longest <= big.shortest and small.flow.options == big.flow.options:
                yield _compared(small, big)


def _count(flow: Flow) -> _Count:
    sizes = [len(span.arg) for span in flow.sends]
    limit = min(flow.first("receive"), untouched(flow))
    resting = [settled for settled in flow.settled if settled.index < limit and flow.waiting(settled)]
    known = [settled for settled in resting if any(stuck(span, settled) for span in flow.waiting(settled))]
    rest = next(iter(known or resting), None)
    parked = [span for span in flow.waiting(rest) if stuck(span, rest)] if rest else []
    most = flow.offered(rest.index, parked) if rest and parked else END_OF_TIME
    return _Count(flow, min(sizes), max(sizes), rest, most, flow.accepted(limit))


def _compared(small: _Count, big: _Count) -> Finding:
    for few, many in ((small, big), (big, small)):
        if few.most + 1 < many.least:
            return broken(
                (few.flow.sends[0].called, few.rest),
                (many.flow.sends[0].called, many.rest),
                expected="as many items accepted before a send waits, whatever their size",
                got=f"{few.most} of {few.longest} characters, {many.least} of {many.longest}",
            )
    if small.rest and big.rest and small.least == big.least:
        return held(small.rest, big.rest)
    return unknown("not both sizes of items were seen to wait for room")


def _sized(call: int, seq: int, size: int) -> Called:
    return begun(call, "send", "producer", f"producer:{seq} ".ljust(size, "."))


def _sizes(*fits: tuple[int, int]) -> History:
    """One session for each (size, how many of them fit)."""
    rows = (tuple(part for k in range(n) for part in (_sized(k, k + 1, size), back(k))) for size, n in fits)
    sessions = (
        (f"of-{size}", {"capacity": 3}, (*row, _sized(n, n + 1, size), SETTLED))
        for row, (size, n) in zip(rows, fits, strict=True)
    )
    return together(*sessions, declared=_BOUNDED)


BP_18 = Rule(
    id="BP-18",
    level=Level.MUST,
    sentence="A capacity counts items: as many fit when each is a hundred times larger.",
    source="seed 002 'Stream Options' (highWaterMark: items); WHATWG Streams §queuing strategies",
    why="A bound in a unit that nobody declared is hit much too early or much too late.",
    needs=("object", "feature:capacity"),
    check=counts_items,
    good=(_sizes((16, 3), (1600, 3)), _sizes((16, 3), (1600, 2))),
    bad=(_sizes((16, 3), (1600, 1)), _sizes((16, 0), (1600, 3))),
)
