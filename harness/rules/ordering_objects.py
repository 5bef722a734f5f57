"""OI on objects: each sender's items in order, once, unaltered, none lost; with several senders at once too.

An item says who sent it as the how-many-th. What a dropped receive may have had in its hands is held against nobody.
Never here: what an error, a cancel or a deadline takes with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import Span, dropped
from streamspec.harness.core.event import Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import back, begun, played, send, take
from streamspec.harness.core.written_calls import item as received
from streamspec.harness.rules._endings import NEVER, Story, each, ended_at, named, overlap, records, text

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOURCE: Final = "source"  # who sends what a feed takes from its source


# -- order -------------------------------------------------------------------------------------------------------------


def in_send_order(story: Story, senders: frozenset[str] | None = None) -> Iterator[Finding]:
    """OI-01, for these senders or for all. Two items are out of order only if the send of one was over when the other's
    began, and the receive of the other was over when the one's began."""
    arrivals = _arrivals(story, senders)
    sends = {text(span): span for span in story.calls("send")}
    pairs = tuple(_compared(story, arrivals))
    swapped = next(((a, b) for a, b in pairs if _seq(a) > _seq(b) and _sure(story, a, b, sends)), None)
    if swapped:
        (ahead, _, _), (behind, _, _) = swapped
        late, early = _item(behind), _item(ahead)
        yield broken(ahead, behind, expected=f"{late.prefix} before {early.prefix}", got=f"{early.prefix} first")
    elif ordered := [pair for pair in pairs if _seq(pair[0]) < _seq(pair[1])]:
        yield held(ordered[0][0][0], ordered[-1][1][0])
    else:
        yield unknown("no two items of one sender arrived for certain one after the other")


Arrival = tuple[Record, int, int]  # an item, and the two records between which it was taken from the stream


def _arrivals(story: Story, senders: frozenset[str] | None) -> tuple[Arrival, ...]:
    """First arrivals: repeats are OI-03's."""
    receives = {span.value: span for span in reversed(story.calls("receive")) if span.returned}
    alone = len({span.by for span in story.consumers}) < 2
    began = min((span.called.index for span in story.calls("iterate")), default=-1)
    found: dict[tuple[str, int], Arrival] = {}
    for record in story.items:
        event = _item(record)
        if event.seq is None or (senders is not None and event.kind not in senders):
            continue
        span = receives.get(event.prefix)
        if alone:
            arrival = (record, record.index, record.index)
        elif span is not None:
            arrival = (record, span.called.index, ended_at(span))
        else:
            arrival = (record, began, record.index)
        found.setdefault((event.kind, event.seq), arrival)
    return tuple(found.values())


def _compared(story: Story, arrivals: tuple[Arrival, ...]) -> Iterator[tuple[Arrival, Arrival]]:
    """Each item of a sender, with the highest of those that had surely been taken before it."""
    for sender in dict.fromkeys(_item(record).kind for record, _, _ in arrivals):
        if sender == _SOURCE and len(story.calls("feed")) > 1:
            continue
        own = [arrival for arrival in arrivals if _item(arrival[0]).kind == sender]
        taken = sorted(own, key=lambda arrival: arrival[2])
        highest: Arrival | None = None
        done = 0
        for arrival in sorted(own, key=lambda arrival: arrival[1]):
            while done < len(taken) and taken[done][2] < arrival[1]:
                if highest is None or _seq(taken[done]) > _seq(highest):
                    highest = taken[done]
                done += 1
            if highest is not None:
                yield highest, arrival


def _sure(story: Story, ahead: Arrival, behind: Arrival, sends: dict[str, Span]) -> bool:
    """Whether `behind` was surely sent first, and no dropped receive had it and gave it back when `ahead` was gone."""
    if _item(behind[0]).kind != _SOURCE:
        first, second = sends.get(_item(behind[0]).prefix), sends.get(_item(ahead[0]).prefix)
        if first is None or second is None or not first.returned or ended_at(first) > second.called.index:
            return False
    return not any(
        dropped(span) and span.called.index < ahead[2] and ended_at(span) > ahead[1] for span in story.consumers
    )


def _item(record: Record) -> Item:
    assert isinstance(record.event, Item), "an arrival is an item"
    return record.event


def _seq(arrival: Arrival) -> int:
    return _item(arrival[0]).seq or 0


def _count(arrivals: tuple[Arrival, ...], sender: str) -> int:
    return sum(_item(record).kind == sender for record, _, _ in arrivals)


# -- loss, and what nobody sent ----------------------------------------------------------------------------------------


def nothing_lost(story: Story) -> Iterator[Finding]:
    """OI-02. What was accepted has come when the end is told; or, where nobody ended it, when a receive waits."""
    if strange := strangers(story):
        yield from strange
        return
    end = next(iter(story.ends()), None)
    accepted, came = tuple(span for span in story.calls("send") if span.returned), story.came()
    if end is not None:
        yield from _lost_at_end(story, end)
    elif accepted and all(text(span) in came for span in accepted):
        yield held(story.items[0], story.items[-1], records(accepted[-1]))
    elif over := _standing_still(story):
        yield from _lost_at_rest(story, *over)
    elif story.items:
        yield unknown("the stream did not come to an end or to a rest that we know of")


def strangers(story: Story) -> tuple[Finding, ...]:
    """Items that are not as anybody sent them, or whose send was refused by a stream that nothing can have ended."""
    sends = {text(span): span for span in story.calls("send")}
    enders = story.calls("complete", "error", "feed", "produce")
    open_until = 0 if story.timed else min((story.left, *(span.called.index for span in enders)))
    found = []
    for record in story.items:
        item = _item(record)
        send_ = sends.get(item.prefix)
        if item.kind == _SOURCE and story.calls("feed"):
            continue
        if send_ is None or item.size != len(send_.arg):
            wanted = "items as they were sent"
            found.append(broken(record, expected=wanted, got=f"{item.prefix!r}, which nobody sent"))
        elif send_.raised is not None and not dropped(send_) and ended_at(send_) < open_until:
            wanted = f"{item.prefix} not sent, since its send was refused"
            found.append(broken(records(send_), record, expected=wanted, got="it was delivered"))
    return tuple(found[:1])


def _lost_at_end(story: Story, end: Span) -> Iterator[Finding]:
    complete = story.ended_by("complete")
    if complete is None and any(span.called.index < ended_at(end) for span in story.calls("error")):
        yield unknown("an error may have taken items with it", records(end))
        return
    until = ended_at(complete) if complete else ended_at(end)  # what is accepted after the end is LC-10's
    sends = story.calls("send")
    accepted = tuple(s for s in sends if s.returned and s.called.index < until and ended_at(s) < story.left)
    came = story.came()
    lost = tuple(span for span in accepted if text(span) not in came)
    if len(lost) > story.may_hold(end):
        expected = f"all {len(accepted)} items before the end"
        got = f"{len(accepted) - len(lost)}; missing {named(lost)}"
        yield broken(records(*lost[:3], end), expected=expected, got=got)
    elif gap := _gap(story):
        yield broken(records(end), gap, expected="every item of the source", got=f"{_item(gap).prefix} after a gap")
    elif lost:
        yield unknown("a receive that was dropped or did not end may have the missing items", records(end))
    elif story.items:
        yield held(story.items[0], story.items[-1], records(end))


def _gap(story: Story) -> Record | None:
    """An item of the only source whose predecessors did not all come: one was taken from it and lost."""
    if len(story.calls("feed")) != 1 or any(dropped(span) for span in story.consumers):
        return None
    numbers = {_item(record).seq: record for record in story.items if _item(record).kind == _SOURCE}
    return next((r for seq, r in numbers.items() if seq is not None and seq > 1 and seq - 1 not in numbers), None)


def _standing_still(story: Story) -> tuple[Record, tuple[Span, ...]] | None:
    """The last moment at which the stream was open and not paused, nothing moved, and somebody waited to receive."""
    enders = story.calls("complete", "error", "feed")
    until = min((story.left, *(r.index for r in story.handled), *(s.called.index for s in enders)), default=NEVER)
    rests = [
        (settled, waiting_)
        for settled in reversed(story.settled)
        if settled.index <= until and not story.timed and not story.paused_at(settled)
        if (waiting_ := tuple(span for span in story.consumers if span.open_at(settled)))
    ]
    # With threads a later one may say less: whoever was late was not waited for again.
    surely = (rest for rest in rests if all(story.stuck(span, rest[0]) for span in rest[1]))
    return next(surely, rests[0] if rests else None)


def _lost_at_rest(story: Story, settled: Record, receivers: tuple[Span, ...]) -> Iterator[Finding]:
    accepted = story.sent_before(settled)
    came = story.came()
    lost = tuple(span for span in accepted if text(span) not in came)
    gone = sum(dropped(span) for span in story.consumers)
    if len(lost) > gone and all(story.stuck(span, settled) for span in receivers):
        expected = f"all {len(accepted)} items that were accepted"
        got = f"{len(accepted) - len(lost)}, and {receivers[0].by} waits in vain; missing {named(lost)}"
        yield broken(records(*lost[:3], receivers[0]), settled, expected=expected, got=got)
    elif lost:
        yield unknown("not every accepted item had come, and it is not known that none was on its way", settled)


def no_repeats(story: Story) -> Iterator[Finding]:
    """OI-03: every item that we send has a number of its own."""
    seen: dict[tuple[str, int], Record] = {}
    for record in story.items:
        event = _item(record)
        if event.seq is None:
            continue
        first = seen.setdefault((event.kind, event.seq), record)
        if first is not record:
            yield broken(first, record, expected=f"{event.prefix} once", got=f"{event.prefix} again")
            return
    if len(seen) > 1:
        yield held(story.items[0], story.items[-1])
    else:
        yield unknown("fewer than two items arrived")


# -- several senders at once -------------------------------------------------------------------------------------------


def _senders_at_once(story: Story) -> Iterator[Finding]:
    rivals = _rivals(story)
    if not rivals:
        yield unknown("no two senders were sending at once")
        return
    found = [f for f in (*in_send_order(story, rivals), *strangers(story)) if f.stance == "broken"]
    came = [record for record in story.items if _item(record).kind in rivals]
    if found:
        yield from found
    elif all(_count(tuple((r, 0, 0) for r in came), sender) > 1 for sender in rivals):
        yield held(came[0], came[-1])
    else:
        yield unknown("fewer than two items of each sender arrived")


def _rivals(story: Story) -> frozenset[str]:
    """Who sent while somebody else was sending."""
    found: set[str] = set()
    latest: list[Span] = []
    for span in story.calls("send"):
        latest = [other for other in latest if overlap(other, span)]
        if others := {other.by for other in latest if other.by != span.by}:
            found |= others | {span.by}
        latest.append(span)
    return frozenset(found)


_BOTH: Final = (
    *(begun(0, "send", "north", "north:1"), begun(1, "send", "south", "south:1"), back(0), back(1)),
    *(begun(2, "send", "north", "north:2"), begun(3, "send", "south", "south:2"), back(2), back(3)),
)
_ALL_FOUR: Final = (take(4, 0, 1, "south"), take(5, 1, 1, "north"), take(6, 2, 2, "north"), take(7, 3, 2, "south"))

OI_15 = Rule(
    id="OI-15",
    level=Level.MUST,
    sentence="Of several senders at once each one's order is kept, and every item stays whole.",
    source="seed 000 (one channel for parallel segments); seed 003",
    why="Items that are mixed or swapped under contention are wrong answers that no test with one sender finds.",
    needs=("object", "feature:concurrent-senders"),
    check=each(_senders_at_once),
    good=(
        # whose item goes first is nobody's right
        played(_BOTH, _ALL_FOUR),
        played(send(0, 1, "north"), send(1, 1, "south"), take(2, 0, 1, "north"), take(3, 1, 1, "south")),
    ),
    bad=(
        played(_BOTH, take(4, 0, 2, "north"), take(5, 1, 1, "south"), take(6, 2, 1, "north"), take(7, 3, 2, "south")),
        played(_BOTH, begun(4, "receive", "consumer"), back(4, "nouth:1"), received(0, 1, "nouth")),
    ),
)
