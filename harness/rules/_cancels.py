"""Questions to the history of an object that was cancelled: when the stream must have noticed, and what came after.

A cancel, like the leaving of an iteration, may take its time (Reactive Streams §3.12). Pure; never here: anything
that is held against a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import Span, dropped, first_call, objects, settlings, spans, stuck, told
from streamspec.harness.core.event import Called, Record, Settled
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.rule import Finding, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

CANCELLED: Final = "CANCELLED"
_NOTICED_NS: Final = BUDGETS_MS["notice_ms"] * 1e6
_LIMITS: Final = frozenset({"deadline_ms", "idle_ms"})


def single(h: History) -> Iterator[str]:
    """The sessions with one stream. Under a scheduler the senders have others than the one that is cancelled."""
    return (session for session in objects(h) if not spans(h, session, "schedule"))


def cancelled(h: History) -> Iterator[tuple[str, Span]]:
    """The sessions whose stream was cancelled, with the first cancel. One that was refused, by a cleanup that raised
    perhaps, leaves a stream of which nothing is known."""
    for session in single(h):
        cancel = first_call(h, session, "cancel")
        if cancel and cancel.returned:
            yield session, cancel


def uncancelled(h: History) -> Iterator[Finding]:
    """Why nothing is known of the sessions that were to be cancelled and were not."""
    for session in single(h):
        cancel = first_call(h, session, "cancel")
        if cancel and not cancel.returned:
            why = f"the cancel was refused with {code(cancel) or cancel.raised.kind}" if cancel.raised else ""
            yield unknown(why or "the cancel did not come back", *cancel.records)


def noticed(h: History, session: str, act: Span) -> Record | None:
    """The first record by which the stream must have noticed this act: after it nothing moved any more, or `notice_ms`
    passed."""
    for record in h.of((Called, Settled), session):
        if act.ended and record.index > act.ended.index:
            exact = isinstance(record.event, Settled) and record.event.exact
            if exact or record.t_ns - act.ended.t_ns >= _NOTICED_NS:
                return record
    return None


def after(h: History, session: str, since: Record | None, *ops: str) -> tuple[Span, ...]:
    """The calls that were begun after this record, but for those that we dropped ourselves."""
    return tuple(
        span for span in spans(h, session, *ops) if since and span.called.index >= since.index and not dropped(span)
    )


def ended_otherwise(h: History, session: str, record: Record) -> bool:
    """Whether something else than a cancel may have ended the stream by then."""
    called = any(span.called.index < record.index for span in spans(h, session, "complete", "error", "feed"))
    left = any(r.index < record.index and value != "began" for r, value in told(h, session, "handler"))
    return called or left or bool(_LIMITS & set(h.options(session)))


def waits(h: History, session: str, span: Span, since: Record | None = None) -> Record | None:
    """The moment, after this record, at which this call is known to wait for somebody."""
    least = since.index if since else 0
    return next((s for s in settlings(h, session) if s.index >= least and stuck(span, s)), None)


def code(span: Span) -> str:
    """The code with which a call was refused; empty for a refusal without one, and for none."""
    return span.raised.code if span.raised else ""
