"""BP: how much a stream accepts, and whom it lets go on.

Judged on objects, where calls are seen exactly. Never here: what becomes of those who wait (`stalls`, `releases`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import END, Span, dropped, stuck
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    played,
    refused,
    send,
    sends,
    take,
    waiting,
)
from streamspec.harness.rules._flow import (
    UNCOUNTED,
    Flow,
    count,
    exact,
    flows,
    got_item,
    key,
    name,
    names,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History

_BOUNDED: Final = {"feature.capacity": True}
_HANDS_OVER: Final = {"feature.capacity": True, "feature.rendezvous": True}


def bounded(h: History) -> Iterator[Finding]:
    """Items accepted, at least, without those that may have been taken, at most: what is left was surely held."""
    for flow in flows(h):
        capacity = flow.capacity
        if capacity and not flow.timed:
            yield bound_of(flow, capacity, "accepted and not received")


def bound_of(flow: Flow, capacity: int, what: str) -> Finding:
    """Whether more was accepted than fits, as far as that can be counted."""
    limit = flow.first(*UNCOUNTED)
    over = next((at for at in flow.returns if at < limit and flow.held(at) > capacity), None)
    if over is not None:
        last = next(span for span in flow.sends if span.ended and span.ended.index == over)
        return broken(
            last.records,
            [span.called for span in flow.receives if span.called.index < over][-1:],
            expected=f"at most {count(capacity, 'item')} {what}",
            got=f"{count(flow.accepted(over), 'send')} came back while {count(flow.asked(over), 'receive')} had begun",
        )
    for settled in flow.settled:
        full = settled.index < limit and flow.held(settled.index) == capacity
        if full and (parked := flow.waiting(settled)):
            return held([span.called for span in parked], settled)
    return unknown("no send was seen to wait for room")


_FULL: Final = (sends(0, 1, 2), waiting(2, 3), SETTLED)

BP_01 = Rule(
    id="BP-01",
    level=Level.MUST,
    sentence="A stream never holds more accepted items than its capacity.",
    source="seed 002 'Stream Options' (highWaterMark) and 'Backpressure'; seed 000 'Blocking'",
    why="A bound that gives way is none: a consumer that is slow for long enough takes the process's memory.",
    needs=("object", "feature:capacity|feature:default-capacity"),
    check=bounded,
    good=(
        played(*_FULL, options={"capacity": 2}, declared=_BOUNDED),
        # the receive had begun before the third send came back, and may have taken its item by then
        played(
            *(sends(0, 1, 2), waiting(2, 3), begun(3, "receive", "consumer"), back(2), waiting(4, 4), SETTLED),
            options={"capacity": 2},
            declared=_BOUNDED,
        ),
        # given to a receive that was dropped, and given back: one more than fits
        played(
            *(begun(0, "receive", "consumer"), SETTLED, sends(1, 1, 3), waiting(4, 4), SETTLED),
            options={"capacity": 2},
            declared=_BOUNDED,
        ),
        # a capacity of 0 without the claim of a rendezvous may mean no bound
        played(sends(0, 1, 3), SETTLED, options={"capacity": 0}, declared=_BOUNDED),
    ),
    bad=(
        played(sends(0, 1, 3), SETTLED, options={"capacity": 2}, declared=_BOUNDED),
        played(sends(0, 1, 2), take(2, 0, 1), send(3, 3), send(4, 4), options={"capacity": 2}, declared=_BOUNDED),
    ),
)


def one_for_one(h: History) -> Iterator[Finding]:
    """Between two moments at which nothing moved: who was received, who went on, in which order."""
    untimed = [flow for flow in flows(h) if not flow.timed]
    judged = [flow for flow in untimed if flow.capacity is not None]
    jumps = {flow.session: jump for flow in judged if (jump := _overtaken(flow))}
    every_time = len(jumps) >= 3 and not any(_in_turn(flow) for flow in judged if flow.session not in jumps)
    if every_time or any(exact(settled) for _, _, settled in jumps.values()):
        yield from (_jumped(*jump) for jump in jumps.values())
    elif jumps:
        # A thread that has said that it sends may still be on its way: three times it was not chance.
        seen = [(first.called, second.called, settled) for first, second, settled in jumps.values()]
        yield unknown(f"a send that waited longer was overtaken {len(jumps)} times", *seen)
    for flow in untimed:
        if flow.session not in jumps:
            yield from _deadlocked(flow)  # whatever the capacity, if the two wait for each other
            for before, after in _undisturbed(flow) if flow.capacity else ():
                yield from _released(flow, before, after)


def untouched(flow: Flow) -> int:
    """As far as nothing but sends and receives happened."""
    return flow.first(*UNCOUNTED, "complete", "pause", "drop")


def _undisturbed(flow: Flow) -> Iterator[tuple[Record, Record]]:
    """Two moments at which nothing moved, with sends and receives between them and no more. Once a receive was dropped
    an item may have been given back, and there is less room than it seems."""
    given_back = (span.called.index for span in flow.receives if dropped(span))
    limit = min((flow.first(*UNCOUNTED, "complete", "pause"), *given_back))
    drops = [span.called.index for span in flow.calls if span.op == "drop"]
    for before, after in windows(flow, limit):
        if not any(before.index < at < after.index for at in drops):
            yield before, after


def _deadlocked(flow: Flow) -> Iterator[Finding]:
    limit = flow.first(*UNCOUNTED, "pause")
    for settled in flow.settled:
        sending = [span for span in flow.sends if stuck(span, settled)]
        asking = [span for span in flow.receives if stuck(span, settled)]
        if sending and asking and settled.index < limit:
            wait = "waits" if len(sending) == 1 else "wait"
            got = f"{names(sending)} {wait} for room while {asking[0].by} waits for an item"
            yield broken(sending[0].called, asking[0].called, settled, expected="one of them goes on", got=got)
            return


def _released(flow: Flow, before: Record, after: Record) -> Iterator[Finding]:
    waited = flow.waiting(before)
    asking = [span for span in flow.receives if span.called.index < after.index and not span.ended_before(before)]
    if not waited or not asking:
        return
    later = [span for span in asking if span.called.index > before.index]  # what took nothing before
    got = [span for span in later if span.ended_before(after) and got_item(span)]
    gone = [span for span in flow.sends if span.returned and span.ended_before(after) and not span.ended_before(before)]
    still = flow.waiting(after)
    parked = [span for span in still if stuck(span, after)]
    seen = (before, [span.records for span in asking[:3]], [span.records for span in gone[:3]], after)
    told = f"{count(len(asking), 'receive')} and {count(len(gone), 'send')} that went on"
    if len(gone) > len(asking) and (exact(after) or flow.held(after.index) > (flow.capacity or 0)):
        yield broken(seen, expected="one waiting send goes on for each receive", got=told)
    elif parked and len(got) > len(gone) + len(still) - len(parked) + _abandoned(flow, after):
        got_on = f"{count(len(got), 'item')} received and {count(len(gone), 'send')} that went on"
        still_waits = f"{got_on}; {names(parked)} still {'waits' if len(parked) == 1 else 'wait'}"
        yield broken(seen, parked[0].called, expected="one waiting send goes on for each receive", got=still_waits)
    elif len(gone) == len(got) == len(asking) and still:
        yield held(seen, still[0].called)


def _abandoned(flow: Flow, until: Record) -> int:
    """Sends that were dropped: some streams keep the item in the queue, and it takes the room that a receive makes."""
    return sum(dropped(span) and span.called.index < until.index for span in flow.sends)


def _overtaken(flow: Flow) -> tuple[Span, Span, Record] | None:
    """A send that went on while one still waited that had waited longer."""
    for before, after in _undisturbed(flow):
        waited = flow.waiting(before)
        gone = [span for span in waited if span.returned and span.ended_before(after)]
        for first in waited:
            if not stuck(first, after) and not (first.open_at(after) and len(gone) >= _asked_since(flow, first, after)):
                continue
            for second in gone:
                if _queued(flow, first, second, after):
                    return first, second, after
    return None


def _in_turn(flow: Flow) -> bool:
    """Whether a send went on while one still waited that had not waited so long."""
    for before, after in _undisturbed(flow):
        waited = flow.waiting(before)
        gone = [span for span in waited if span.returned and span.ended_before(after)]
        still = [span for span in waited if span.open_at(after)]
        if any(_queued(flow, first, second, after) for first in gone for second in still):
            return True
    return False


def _asked_since(flow: Flow, span: Span, until: Record) -> int:
    return flow.asked(until.index) - flow.asked(span.called.index)


def _queued(flow: Flow, first: Span, second: Span, until: Record) -> bool:
    """Whether both waited, in this order, before anything was received, with nobody coming later who could have taken
    the room that was made: honest queues (asyncio's) then put the one who was woken in vain behind the others."""
    in_order = any(first.open_at(s) and s.index < second.called.index for s in flow.settled)
    last_send = max(span.called.index for span in flow.sends if span.called.index < until.index)
    clear = not any(span.open_at(first.called) for span in flow.receives)
    return in_order and clear and flow.asked(last_send) == flow.asked(first.called.index)


def _jumped(first: Span, second: Span, settled: Record) -> Finding:
    got = f"{name(second)} went on while {name(first)}, which had waited longer, still waits"
    return broken(first.called, second.records, settled, expected="the send that waited longest goes on", got=got)


_THIRD_IN: Final = (take(3, 0, 1), back(2), waiting(4, 4), SETTLED)
_TWO_WAIT: Final = (send(0, 1, "a"), waiting(1, 1, "b"), SETTLED, waiting(2, 1, "c"), SETTLED)
_ONE: Final = take(3, 0, 1, "a")
_DROP: Final = (done(5, "drop", "script", "b"), refused(1, "", "CancelledError"))
_ASKS: Final = begun(6, "receive", "consumer")

BP_02 = Rule(
    id="BP-02",
    level=Level.MUST,
    sentence="A send into a full stream waits, and each receive lets exactly one go on, the one that waited longest.",
    source="seed 002 'Backpressure' (reading unblocks the write); contract 2 'Blocking send' (design 1)",
    why="A producer that is not woken stands still for ever; two that are woken for one outrun the bound.",
    needs=("object", "feature:capacity"),
    check=one_for_one,
    good=(
        played(*_FULL, *_THIRD_IN, options={"capacity": 2}, declared=_BOUNDED),
        played(*_TWO_WAIT, *_ONE, back(1), SETTLED, options={"capacity": 1}, declared=_BOUNDED),
        # a third came after the receive and took the room: the one that was woken waits again, behind the other
        played(
            *(*_TWO_WAIT, *_ONE, send(4, 1, "d"), SETTLED, take(5, 1, 1, "d"), back(2), SETTLED),
            options={"capacity": 1},
            declared=_BOUNDED,
        ),
    ),
    bad=(
        # two for one, nobody for one, the later one first, and nobody goes on though somebody waits on either side
        played(
            *(*_TWO_WAIT, waiting(4, 1, "d"), SETTLED, *_ONE, back(1), back(2), SETTLED),
            options={"capacity": 1},
            declared=_BOUNDED,
        ),
        played(*_FULL, take(3, 0, 1), SETTLED, options={"capacity": 2}, declared=_BOUNDED),
        played(*_TWO_WAIT, *_ONE, back(2), SETTLED, options={"capacity": 1}, declared=_BOUNDED),
        played(*_TWO_WAIT, _DROP, *_ONE, _ASKS, SETTLED, options={"capacity": 1}, declared=_BOUNDED),
    ),
)


def hands_over(h: History) -> Iterator[Finding]:
    for flow in flows(h):
        if flow.capacity == 0 and not flow.timed:
            yield _with_a_receiver(flow)
            yield from _over_the_end(flow)


def _with_a_receiver(flow: Flow) -> Finding:
    limit = flow.first(*UNCOUNTED, "complete")
    early = next((at for at in flow.returns if at < limit and flow.held(at) > 0), None)
    if early is not None:
        last = next(span for span in flow.sends if span.ended and span.ended.index == early)
        return broken(
            last.records,
            expected="a send that comes back when a receive takes its item",
            got=f"{count(flow.accepted(early), 'send')} came back, {count(flow.asked(early), 'receive')} had begun",
        )
    came = {key(item): item for item in flow.items if item.index < limit}
    for settled in flow.settled:
        for span in flow.waiting(settled):
            if span.returned and name(span) in came:
                return held(span.records, settled, came[name(span)])
    return unknown("no send was seen to wait for a receive")


def _over_the_end(flow: Flow) -> Iterator[Finding]:
    """A send that waits while the stream is completed may be refused, but not be told that its item was taken."""
    completed = next((span.called for span in flow.calls if span.op == "complete"), None)
    if not completed or not flow.only("send", "receive", "complete", "observe", "listen"):
        return
    came = {key(item): item for item in flow.items}
    ended = next((span.ended for span in flow.receives if span.returned and span.value == END), None)
    open_still = any(span.open for span in flow.receives)
    for span in flow.sends:
        if not span.open_at(completed) or dropped(span):
            continue
        if name(span) in came:
            yield held(span.records, completed, came[name(span)])
        elif not ended:
            yield unknown("the end was not received")
        elif span.raised:
            yield held(span.records, completed, ended)
        elif span.returned and not open_still:
            got = f"the end came without {name(span)}, though its send came back"
            yield broken(span.records, completed, ended, expected="the item, then the end", got=got)
        elif late := next((s for s in flow.settled if s.index > ended.index and stuck(span, s)), None):
            got = f"the end came without {name(span)}, whose send still waits"
            yield broken(span.called, completed, ended, late, expected="the item, then the end", got=got)


_OVER: Final = (waiting(0, 1), SETTLED, done(1, "complete", "other"))

BP_03 = Rule(
    id="BP-03",
    level=Level.MUST,
    sentence="With capacity 0 a send comes back only when a receive takes its item, and a following end loses none.",
    source="seed 002 'Backpressure' (zero-buffering)",
    why="Who asks for a hand-over counts on it: what a send said was taken must not lie somewhere, or be lost.",
    needs=("object", "feature:capacity", "feature:rendezvous"),
    check=hands_over,
    good=(
        played(waiting(0, 1), SETTLED, take(1, 0, 1), back(0), options={"capacity": 0}, declared=_HANDS_OVER),
        played(begun(0, "receive", "consumer"), send(1, 1), options={"capacity": 0}, declared=_HANDS_OVER),
        played(*_OVER, take(2, 0, 1), back(0), end(3), options={"capacity": 0}, declared=_HANDS_OVER),
    ),
    bad=(
        played(send(0, 1), SETTLED, options={"capacity": 0}, declared=_HANDS_OVER),
        played(*_OVER, back(0), end(2), options={"capacity": 0}, declared=_HANDS_OVER),
        played(*_OVER, end(2), SETTLED, options={"capacity": 0}, declared=_HANDS_OVER),
    ),
)
