"""What the rules about deadlines and idle limits share: when an object was made, and what but time may have ended it.

Times are milliseconds of the case's clock, and one-sided: what came early is exact, what is late has been late for
`LATE_MS`. Here too is how their histories are written by hand. Never here: a rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.event import Called, Item, Raised, Returned, Settled
from streamspec.harness.core.history import History
from streamspec.harness.core.written_calls import played

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.calls import Span
    from streamspec.harness.core.event import Record
    from streamspec.harness.core.written_calls import Part

LATE_MS: Final = 4_000  # no stream and no machine is so slow that its timers come later than this
_LEAST_MS: Final = 10  # early by less, or by less than one in a hundred, is a matter of clocks
_CODES: Final = frozenset({"TIMED_OUT", "DEADLINE_EXCEEDED"})
_NAMES: Final = re.compile(r"time_?d?_?out|deadline|expire", re.IGNORECASE)  # of exceptions that have no code
_TEXT: Final = re.compile(r"([\w-]+):(\d+)\b")


def ms(record: Record) -> float:
    return record.t_ns / 1e6


@dataclass(frozen=True, slots=True)
class Limit:
    """A time that a session's object was given, and the two moments between which the object was made."""

    session: str
    ms: int
    made_after_ms: float
    made_before_ms: float

    @property
    def slack_ms(self) -> float:
        return max(_LEAST_MS, self.ms / 100)

    @property
    def earliest_ms(self) -> float:
        """Before this the limit cannot have passed, if it counts from the making."""
        return self.made_after_ms + self.ms - self.slack_ms

    @property
    def latest_ms(self) -> float:
        """From here on it has passed, and long enough ago for everybody to have been told."""
        return self.made_before_ms + self.ms + LATE_MS

    def after(self, record: Record) -> str:
        """How long after the limit this was, at least, for people."""
        return f"{ms(record) - self.made_before_ms - self.ms:.0f} ms after the deadline of {self.ms} ms"


def limits(h: History, option: str, feature: str) -> Iterator[Limit]:
    """The sessions whose object has this limit, in script order. One with lanes has many objects, and is left out."""
    if not calls.has(h, feature):
        return
    before_ms = 0.0
    for session in calls.objects(h):
        records = h.records_of(session)
        limit_ms = calls.option(h, session, option)
        if records and limit_ms is not None and not calls.spans(h, session, "schedule"):
            yield Limit(session, limit_ms, before_ms, ms(records[0]))
        before_ms = max([before_ms, *(ms(record) for record in records)])


def deadlines(h: History) -> Iterator[Limit]:
    return limits(h, "deadline_ms", "deadline")


def idles(h: History) -> Iterator[Limit]:
    return limits(h, "idle_ms", "idle")


def answers(h: History, session: str) -> tuple[Span, ...]:
    """What consumers were answered that was no item, in the order in which it was written down: an end or an error.
    A receive that we dropped ourselves was not answered, nor was an iteration that we left."""
    found = (
        span
        for span in calls.spans(h, session, "receive", "iterate")
        if (span.raised is not None and not calls.dropped(span)) or span.value == calls.END
    )
    return tuple(sorted(found, key=_ended_at))


def _ended_at(span: Span) -> int:
    return span.ended.index if span.ended is not None else -1


def timed_out(span: Span) -> bool:
    """Whether this call was told that the time is up: by code, or without one by the name of the exception."""
    raised = span.raised
    if raised is None:
        return False
    return raised.code in _CODES if raised.code else bool(_NAMES.search(raised.kind))


def shown(span: Span) -> str:
    """How a call ended, for people."""
    if span.raised is not None:
        return span.raised.code or span.raised.kind
    return "the end, as after success" if span.value == calls.END else "success"


def ended_otherwise(h: History, session: str, before: Record, *, handlers: bool = True) -> bool:
    """Whether something but time may have ended the stream before this record was written. A handler ends its stream
    when it is over, so with `handlers` every session that has one is doubtful."""
    return any(span.called.index < before.index and _ends(span, handlers) for span in calls.spans(h, session))


def _ends(span: Span, handlers: bool) -> bool:  # noqa: FBT001 -- private
    match span.op:
        case "complete" | "error" | "cancel" | "feed":
            return True
        case "produce" if handlers:
            return True
        case "iterate" if span.arg or span.value == calls.BREAK:  # leaving one early cancels
            return True
        case _:
            return calls.dropped(span)  # a stream may take a cancelled task for a reason to end


def paused(h: History, session: str) -> bool:
    """Whether anybody ever paused the stream: then silence has another reason."""
    return bool(calls.spans(h, session, "pause"))


def overdue(h: History, session: str, from_ms: float, *ops: str) -> tuple[Record, tuple[Span, ...]] | None:
    """The first settled moment from then on, with calls of these operations that are stuck there."""
    for settled in calls.settlings(h, session):
        if ms(settled) >= from_ms:
            stuck = tuple(span for span in calls.spans(h, session, *ops) if _stuck(span, settled))
            if stuck:
                return settled, stuck
    return None


def _stuck(span: Span, settled: Record) -> bool:
    """With threads a caller may be late with all it was told, and this call be only the last of it: it has its time."""
    exact = isinstance(settled.event, Settled) and settled.event.exact
    return calls.stuck(span, settled) and (exact or ms(settled) - ms(span.called) >= LATE_MS)


def handler_said(h: History, session: str, *words: str) -> tuple[Record, ...]:
    """The accounts of handlers: that one `began`, `returned` or `raised`."""
    return tuple(record for record, word in calls.told(h, session, "handler") if word in words)


def remaining(h: History, session: str) -> tuple[tuple[Record, int], ...]:
    """What the object said of the time that is left."""
    found = calls.told(h, session, "remaining_ms")
    return tuple((record, value) for record, value in found if isinstance(value, int))


def delivered(h: History, session: str, before: Record) -> tuple[Span, ...]:
    """The sends whose item was accepted and received before this record: whatever resets an idle limit has happened."""
    received = {
        (record.event.kind, record.event.seq)
        for record in h.of(Item, session)
        if isinstance(record.event, Item) and record.index < before.index
    }
    return tuple(span for span in calls.sent(h, session) if span.ended_before(before) and _number(span) in received)


def _number(span: Span) -> tuple[str, int | None]:
    found = _TEXT.match(span.arg)
    return (found[1], int(found[2])) if found else ("", None)


def quiet_since_ms(h: History, session: str, settled: Record) -> float:
    """When the last thing happened before this moment: a call that began or ended, an item."""
    acts = h.of((Called, Returned, Raised, Item), session)
    return max((ms(record) for record in acts if record.index < settled.index), default=0.0)


def timed(*parts: Part | int, kind: str = "asyncio", features: str = "", **options: int) -> History:
    """A history of one object with these options and features (those of its limits go without saying); a number among
    its parts is the time in ms of all that follows, until the next."""
    times_ms: list[int] = []
    now_ms = 0
    for part in parts:
        if isinstance(part, int):
            now_ms = part
        else:
            times_ms += [now_ms] * len(played(part).records)
    named = {name.removesuffix("_ms") for name in options} | set(features.split())
    declared = {f"feature.{name}": True for name in sorted(named)}
    events = [part for part in parts if not isinstance(part, int)]
    h = played(*events, options=options, declared=declared, kind=kind)
    records = zip(h.records, times_ms, strict=True)
    return History(h.header, tuple(replace(record, t_ns=at_ms * 1_000_000) for record, at_ms in records))
