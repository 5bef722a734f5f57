"""Questions to the history of an object: its calls as spans, who is parked, what had been accepted and taken.

Pure, and careful in one direction: with threads a record is written some time after what it tells, so counts are lower
or upper bounds and say which. Never here: a judgement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamspec.harness.core.event import Called, Item, Raised, Record, Returned, Settled, Told
from streamspec.harness.core.script import OBJECT

if TYPE_CHECKING:
    from streamspec.harness.core.history import History

END = "end"  # what a receive returned when the stream was over
BREAK = "break"  # what an iteration returned that we left early


@dataclass(frozen=True, slots=True)
class Span:
    """One call: the record of its beginning, and of its end if it has one."""

    called: Record
    ended: Record | None
    op: str
    by: str
    arg: str

    @property
    def open(self) -> bool:
        return self.ended is None

    @property
    def returned(self) -> bool:
        return self.ended is not None and isinstance(self.ended.event, Returned)

    @property
    def raised(self) -> Raised | None:
        """The refusal, if it ended with one."""
        return self.ended.event if self.ended is not None and isinstance(self.ended.event, Raised) else None

    @property
    def value(self) -> str:
        """What it returned; empty when it did not."""
        return self.ended.event.value if self.ended is not None and isinstance(self.ended.event, Returned) else ""

    @property
    def records(self) -> tuple[Record, ...]:
        return (self.called,) if self.ended is None else (self.called, self.ended)

    def open_at(self, record: Record) -> bool:
        """Whether the call had begun and not ended when this record was written."""
        return self.called.index < record.index and (self.ended is None or self.ended.index > record.index)

    def ended_before(self, record: Record) -> bool:
        return self.ended is not None and self.ended.index < record.index


def objects(h: History) -> tuple[str, ...]:
    """The sessions that played with an object, in script order."""
    return h.sessions(OBJECT)


def spans(h: History, session: str, *ops: str) -> tuple[Span, ...]:
    """The session's calls of these operations (all without any), in the order in which they began."""
    found = h.kept(("spans", session), lambda: _spans(h, session))
    return tuple(span for span in found if span.op in ops) if ops else found


def _spans(h: History, session: str) -> tuple[Span, ...]:
    ends: dict[int, Record] = {}
    for record in h.of((Returned, Raised), session):
        if isinstance(record.event, (Returned, Raised)):
            ends[record.event.call] = record
    return tuple(
        Span(record, ends.get(record.event.call), record.event.op, record.event.by, record.event.arg)
        for record in h.of(Called, session)
        if isinstance(record.event, Called)
    )


def settlings(h: History, session: str) -> tuple[Record, ...]:
    """The moments at which nothing moved any more."""
    return h.of(Settled, session)


def stuck(span: Span, settled: Record) -> bool:
    """Whether this call is known to wait for somebody at this moment: open, and exactly so in virtual time, or with
    threads after it was due and had its whole budget. An open call that is not stuck may only be slow."""
    if not span.open_at(settled) or not isinstance(settled.event, Settled):
        return False
    return settled.event.exact or span.by in settled.event.late


def parked(h: History, session: str, settled: Record, *ops: str) -> tuple[Span, ...]:
    """The calls that were open at this moment. With threads: supporting evidence only."""
    return tuple(span for span in spans(h, session, *ops) if span.open_at(settled))


def sent(h: History, session: str) -> tuple[Span, ...]:
    """The sends that returned: what the stream accepted, at least."""
    return tuple(span for span in spans(h, session, "send") if span.returned)


def first_call(h: History, session: str, *ops: str) -> Span | None:
    """The first call of one of these operations that was begun."""
    return next(iter(spans(h, session, *ops)), None)


def first_done(h: History, session: str, *ops: str) -> Span | None:
    """The first call of one of these operations that returned."""
    return next((span for span in spans(h, session, *ops) if span.returned), None)


def items(h: History, session: str) -> tuple[Record, ...]:
    """What was received, in order. `kind` names the sender, `seq` its number, counted from 1 for each sender."""
    return h.of(Item, session)


def told(h: History, session: str, name: str) -> tuple[tuple[Record, int | str], ...]:
    """Every account of this figure, with its record."""
    return tuple(
        (record, record.event.values[name])
        for record in h.of(Told, session)
        if isinstance(record.event, Told) and name in record.event.values
    )


def option(h: History, session: str, name: str) -> int | None:
    """The number with which the session's object was made, or None."""
    value = h.options(session).get(name)
    return value if isinstance(value, int) else None


def capacity(h: History, session: str) -> int | None:
    """How many items may be accepted and not received: as asked for, else as the object declares."""
    asked = option(h, session, "capacity")
    if asked is not None:
        return asked
    declared = h.header.declared.get("object.capacity")
    return declared if isinstance(declared, int) else None


def has(h: History, feature: str) -> bool:
    """Whether the target offers this feature (`core.objects.FEATURES`)."""
    return h.header.declared.get(f"feature.{feature}") is True


def dropped(span: Span) -> bool:
    """Whether the call ended because its own task was cancelled, by us."""
    return span.raised is not None and span.raised.kind == "CancelledError" and not span.raised.code
