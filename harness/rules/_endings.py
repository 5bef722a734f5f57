"""What the rules about an object's order and ending share: the story of one stream, and what is certain in it.

Certain means: in whatever order overlapping calls took effect, and however late a thread wrote down what came of its
call. Where a story leaves room for an honest stream, the answer here is "not that we know". Never here: a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import BREAK, END, Span, dropped, stuck
from streamspec.harness.core.event import Called, Elided, Item, Raised, Record, Returned, Settled, Told
from streamspec.harness.core.rule import Finding, unknown
from streamspec.harness.core.script import OBJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streamspec.harness.core.history import History

NEVER: Final = 2**62  # the index of a record that there is not
_LATE_NS: Final = 4_000_000_000  # with threads: a call that was due and open for so long is no slow one
_TRANSIENT: Final = re.compile(r"time_?d?_?out|empty", re.IGNORECASE)  # a receive that gave up, and not the stream
_PREFIX_CHARS: Final = 200  # of an item that an Item or a Returned keeps
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Story:
    """One stream of one session: its calls, what was received, when nothing moved, and what was told.

    `consumers` are the calls that may take items. `left` is the index of the first record from which on the stream may
    have ended because we left it: by a cancel, an iteration that we broke off, a handler or source that we dropped."""

    options: Mapping[str, int | str]
    by_op: Mapping[str, tuple[Span, ...]]
    consumers: tuple[Span, ...]
    left: int
    items: tuple[Record, ...]
    settled: tuple[Record, ...]
    told: tuple[Record, ...]

    def calls(self, *ops: str) -> tuple[Span, ...]:
        """The calls of these operations, in order for each."""
        return tuple(chain.from_iterable(self.by_op.get(op, ()) for op in ops))

    @property
    def timed(self) -> bool:
        """Whether time may end this stream."""
        return any(name.startswith(("deadline", "idle")) for name in self.options)

    @property
    def unruly(self) -> bool:
        """Whether a cleanup of ours raises: an ending may let that through, and have ended the stream all the same."""
        return any(span.arg.startswith("raises") for span in self.calls("listen"))

    @property
    def handled(self) -> tuple[Record, ...]:
        """The accounts of handlers that they are over; what comes then is up to the stream."""
        return tuple(record for record in self.told if _values(record).get("handler") in {"returned", "raised"})

    def ended_by(self, op: str) -> Span | None:
        """The call of this operation that surely ended the stream: it came back, and nothing else that may have ended
        it had begun by then."""
        call = next((span for span in self.calls(op) if span.returned), None)
        if call is None or call.ended is None or self.timed or self.left < call.ended.index:
            return None
        others = [span.called for span in self.calls("complete", "error", "feed") if span is not call]
        return None if any(record.index < call.ended.index for record in (*others, *self.handled)) else call

    def alone(self, span: Span) -> bool:
        """Whether nobody else was receiving meanwhile: some streams refuse a second receiver, and that refusal is no
        failure of the stream."""
        return not any(other.by != span.by and overlap(other, span) for other in self.consumers)

    def ends(self) -> tuple[Span, ...]:
        """The receives that were answered with the end, before any leaving of ours, in the order of their answers."""
        return _in_order(span for span in self.consumers if span.value == END and ended_at(span) < self.left)

    def failures(self) -> tuple[Span, ...]:
        """The receives that surely showed the stream's failure, before any leaving of ours, in that order."""
        end = next(iter(self.ends()), None)
        return _in_order(span for span in self.consumers if ended_at(span) < self.left and self._fails(span, end))

    def _fails(self, span: Span, end: Span | None) -> bool:
        raised = span.raised
        if raised is None or dropped(span) or raised.code == "CANCELLED":
            return False
        asked = {call.arg or "INTERNAL" for call in self.calls("error") if call.called.index < ended_at(span)}
        ours = raised.kind == "Failure" or raised.code in asked
        if end is not None and ended_at(end) < ended_at(span):
            return ours and raised.code != "UNAVAILABLE"  # or it is the refusal to be asked again (D7)
        may_fail = bool(asked) or any(record.index < ended_at(span) for record in self.handled)
        return ours or (may_fail and self.alone(span) and not _TRANSIENT.search(raised.code or raised.kind))

    def asked_after(self, span: Span) -> tuple[Span, ...]:
        """The receives that were begun after this call had ended, and answered before any leaving of ours."""
        return tuple(
            later
            for later in self.consumers
            if later.called.index > ended_at(span) and ended_at(later) < self.left and not dropped(later)
        )

    def stuck(self, span: Span, settled: Record) -> bool:
        """Whether this call surely waits for somebody. With threads it must itself have been open for long: its caller
        may be late with all it was told, and this be the last of it."""
        exact = isinstance(settled.event, Settled) and settled.event.exact
        return stuck(span, settled) and (exact or settled.t_ns - span.called.t_ns >= _LATE_NS)

    def stuck_ever(self, span: Span, after: int = 0) -> Record | None:
        """The first moment after this record, before any leaving of ours, at which this call surely waited for
        somebody."""
        return next((s for s in self.settled if after < s.index < self.left and self.stuck(span, s)), None)

    def paused_at(self, record: Record) -> bool:
        """Whether the stream may be paused then."""
        pauses = [span for span in self.calls("pause") if span.called.index < record.index]
        if not pauses:
            return False
        last = max(ended_at(span) for span in pauses)
        return not any(s.returned and last < s.called.index and s.ended_before(record) for s in self.calls("resume"))

    def may_hold(self, terminal: Span) -> int:
        """How many items may be in hands that never showed them, when this receive was answered with a terminal: of
        receives that we dropped, that never ended, or that overlapped with it and were refused after we had left."""
        return sum(span is not terminal and self._may_hold(span, terminal) for span in self.consumers)

    def _may_hold(self, span: Span, terminal: Span) -> bool:
        if span.called.index > ended_at(terminal):
            return False
        if span.ended is None:
            return not any(self.stuck(span, s) for s in self.settled if s.index > ended_at(terminal))
        return dropped(span) or (span.raised is not None and ended_at(span) > self.left)

    def undelivered(self, due: Iterable[Span], terminal: Span) -> tuple[Span, ...]:
        """Of these sends those whose item nobody can have been given before this receive was answered. None when the
        missing may be in hands that never showed them."""
        early = {r.event.prefix for r in self.items if isinstance(r.event, Item) and r.index < ended_at(terminal)}
        early |= {span.value for span in self.consumers if span.called.index < ended_at(terminal)}
        if any(s.op == "iterate" and s.called.index < ended_at(terminal) < ended_at(s) for s in self.consumers):
            early |= self.came() - {span.value for span in self.calls("receive")}
        missing = tuple(span for span in due if text(span) not in early)
        return missing if len(missing) > self.may_hold(terminal) else ()

    def pending(self, ender: Span) -> tuple[Span, ...]:
        """The items that were surely there when this call began to end the stream: accepted, and later asked for."""
        later = {span.value for span in self.calls("receive") if span.called.index > ender.called.index}
        return tuple(span for span in self.sent_before(ender.called) if text(span) in later)

    def came(self) -> set[str]:
        """The texts of all items that were received."""
        return {record.event.prefix for record in self.items if isinstance(record.event, Item)}

    def sent_before(self, record: Record) -> tuple[Span, ...]:
        """The sends that had come back by then: what the stream had accepted, at least."""
        return tuple(span for span in self.calls("send") if span.returned and span.ended_before(record))


def each(judge: Callable[[Story], Iterator[Finding]]) -> Callable[[History], Iterator[Finding]]:
    """The check that judges every story of a history by itself."""

    def check(h: History) -> Iterator[Finding]:
        for story, whole in stories(h):
            if whole:
                yield from judge(story)
            else:
                yield unknown("more was called than we keep")

    return check


def stories(h: History) -> tuple[tuple[Story, bool], ...]:
    """The stories of a history, in script order, and whether each was written down whole. Sessions that receive from
    several streams tell none of a single one."""
    return h.kept("stories", lambda: tuple(_stories(h)))


def _stories(h: History) -> Iterator[tuple[Story, bool]]:
    for session in h.header.script.sessions:
        if session.role != OBJECT:
            continue
        told = h.records_of(session.id)
        story = _story(session.options, told)
        if not story.calls("schedule"):
            yield story, not any(isinstance(record.event, Elided) for record in told)


def _story(options: Mapping[str, int | str], told: Sequence[Record]) -> Story:
    spans = _spans(told)
    by_op: dict[str, list[Span]] = {}
    for span in spans:
        by_op.setdefault(span.op, []).append(span)
    return Story(
        options=options,
        by_op={op: tuple(found) for op, found in by_op.items()},
        consumers=tuple(span for span in spans if span.op in {"receive", "iterate"}),
        left=min((span.called.index for span in spans if _leaves(span)), default=NEVER),
        items=tuple(r for r in told if isinstance(r.event, Item)),
        settled=tuple(r for r in told if isinstance(r.event, Settled)),
        told=tuple(r for r in told if isinstance(r.event, Told)),
    )


def _spans(records: Sequence[Record]) -> tuple[Span, ...]:
    ends = {r.event.call: r for r in records if isinstance(r.event, (Returned, Raised))}
    return tuple(
        Span(r, ends.get(r.event.call), r.event.op, r.event.by, r.event.arg)
        for r in records
        if isinstance(r.event, Called)
    )


def _leaves(span: Span) -> bool:
    match span.op:
        case "cancel":
            return True
        case "iterate":  # one with a limit may have reached it, and not yet said so
            return span.value == BREAK or dropped(span) or (bool(span.arg) and span.open)
        case "produce" | "feed":
            return dropped(span)
        case _:
            return False


def _values(record: Record) -> Mapping[str, int | str]:
    return record.event.values if isinstance(record.event, Told) else {}


def _in_order(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=ended_at))


def ended_at(span: Span) -> int:
    """The index of the record of its end; beyond all records while it is open."""
    return NEVER if span.ended is None else span.ended.index


def overlap(one: Span, other: Span) -> bool:
    """Whether nobody knows which of the two took effect first."""
    return one.called.index < ended_at(other) and other.called.index < ended_at(one)


def text(send: Span) -> str:
    """What an Item or a Returned keeps of what this send handed over."""
    return send.arg[:_PREFIX_CHARS]


def answered(span: Span) -> str:
    """How a call ended, for people."""
    if span.raised is not None:
        return span.raised.code or span.raised.kind
    if span.open:
        return "no answer"
    return "the end" if span.value == END else span.value or "success"


def named(sends: Iterable[Span]) -> str:
    """Items by their numbers and senders, the first few of each."""
    numbers: dict[str, list[str]] = {}
    for span in sends:
        sender, _, number = span.arg.partition(" ")[0].rpartition(":")
        numbers.setdefault(sender, []).append(number)
    return "; ".join(
        f"{', '.join(found[:_SHOWN])}{f' and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''} of {sender}"
        for sender, found in numbers.items()
    )


def records(*spans: Span | None) -> tuple[Record, ...]:
    """Their records, as evidence."""
    return tuple(chain.from_iterable(span.records for span in spans if span is not None))
