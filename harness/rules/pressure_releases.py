"""BP: who waits for room is let go: by a cancel, an error, a deadline, or when its own time is up.

Judged on objects, where calls are seen exactly; what BP-09 says of servers is in `stalls`, what BP-10 and BP-21 say in
`_scripted_blocked`. Never here: what a cancel or an end does otherwise (CN, LC, DL).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import END, Span, dropped, stuck
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import (
    SETTLED,
    Part,
    back,
    begun,
    done,
    fail,
    failed,
    played,
    refused,
    send,
    sends,
    take,
    waiting,
)
from streamspec.harness.rules import _scripted_blocked, stalls
from streamspec.harness.rules._flow import UNCOUNTED, Flow, count, flows, got_item, key, lasted_ms, name, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History

GRACE_MS: Final = 100  # beyond twice a time limit, before what should have ended is called late
_STALL: Final = (sends(0, 1, 2), waiting(2, 3), SETTLED)


def freed_by_cancel(h: History) -> Iterator[Finding]:
    yield from stalls.freed_by_leaving(h)
    for flow in flows(h):
        cancel = next((span for span in flow.calls if span.op == "cancel"), None)
        if cancel and cancel.ended and cancel.returned and cancel.called.index < flow.first("error"):
            yield _freed(flow, cancel, cancel.ended, "the consumer cancels")


def _freed(flow: Flow, call: Span, since: Record, what: str) -> Finding:
    """What became of those who waited when this call came."""
    there = [span for span in flow.sends if span.open_at(call.called)]
    waits = [(span, s) for span in there for s in flow.settled if s.index > since.index and stuck(span, s)]
    if waits:
        still = [span for span in there if any(span is waiting for waiting, _ in waits)]
        got = f"{count(len(still), 'send')} still waiting: {names(still)}"
        seen = ([span.called for span in still], call.records, waits[0][1])
        return broken(seen, expected=f"no send waits any more when {what}", got=got)
    for span in there:
        parked = next((s for s in flow.settled if s.index < call.called.index and span.open_at(s)), None)
        if parked and span.ended and span.ended.index > call.called.index and not dropped(span):
            return held(span.records, parked, call.records)
    return unknown(f"no send was seen to wait, and to go on, when {what}")


_CANCEL: Final = done(3, "cancel", "consumer")

BP_09 = Rule(
    id="BP-09",
    level=Level.MUST,
    sentence="A send that waits for room does not go on waiting when its consumer cancels, or leaves.",
    source="seed 000 'Blocking' and 'Cancellation'; contract 3 (design 1)",
    why="A producer that waits for a consumer that left waits for ever, and keeps everything it holds.",
    needs=("object|told:sending|told:open", "feature:cancel|role:large.item_bytes"),
    check=freed_by_cancel,
    good=(
        *stalls.FREED,
        played(*_STALL, *_CANCEL, refused(2, "CANCELLED"), SETTLED),
        # released is enough here; that it is told why is CN-01's
        played(*_STALL, begun(3, "cancel", "consumer"), back(2), back(3), SETTLED),
    ),
    bad=(*stalls.STUCK, played(*_STALL, *_CANCEL, SETTLED)),
)


def freed_by_the_end(h: History) -> Iterator[Finding]:
    yield from _scripted_blocked.freed_by_its_end(h)
    for flow in flows(h):
        error = next((span for span in flow.calls if span.op == "error"), None)
        if error and error.ended and error.returned and not flow.timed:
            others = flow.first("complete", "cancel", "iterate", "produce", "feed")
            if error.ended.index < others:
                yield _freed(flow, error, error.ended, "the stream fails")
        limit_ms = flow.option("deadline_ms", "deadline")
        if limit_ms is not None and flow.sends:
            yield _freed_in_time(flow, limit_ms)


def _freed_in_time(flow: Flow, limit_ms: int) -> Finding:
    there = [span for span in flow.sends if flow.since_ms(span.called) < limit_ms]
    for settled in flow.settled:
        late = [span for span in there if stuck(span, settled)]
        if late and flow.since_ms(settled) >= 2 * limit_ms + GRACE_MS:
            got = f"{names(late)} still waiting after {flow.since_ms(settled):g} ms"
            expected = f"no send waits any more when the deadline of {limit_ms} ms has passed"
            return broken([span.called for span in late], settled, expected=expected, got=got)
    other = flow.first("receive", "complete", *UNCOUNTED)
    if flow.option("send_timeout_ms", "send-timeout") is not None:
        return unknown("a send may end by its own timeout here")
    for span in there:
        if span.ended and span.ended.index < other and not dropped(span) and _until(flow, span, limit_ms):
            return held(span.records)
    return unknown("no send was seen to wait until the deadline")


def _until(flow: Flow, span: Span, limit_ms: int) -> bool:
    """Whether this call waited, and until about that time: with threads the object may be well older than our first
    record, so half of the limit must do."""
    assert span.ended
    return 4 * lasted_ms(span) >= limit_ms and 2 * flow.since_ms(span.ended) >= limit_ms


_SOON: Final = {"feature.deadline": True}
_LATER: Final = (SETTLED,) * 12  # 20 ms apart

BP_10 = Rule(
    id="BP-10",
    level=Level.MUST,
    sentence="A send that waits for room is released when the stream fails or expires, and when its deadline passes.",
    source="seed 000 'Blocking' and 'Completion'; seed 001 'Context Handling'",
    why="After its end a stream makes no room any more: whoever still waits for it hangs for ever.",
    needs=("object|told:sending", "feature:error|feature:deadline|feature:deadline_ms|feature:expiry=end"),
    check=freed_by_the_end,
    good=(
        *_scripted_blocked.FREED,
        played(*_STALL, done(3, "error", "other"), refused(2, "INTERNAL"), SETTLED),
        played(
            *(*_STALL, SETTLED, SETTLED, refused(2, "CANCELLED"), SETTLED),
            options={"deadline_ms": 100},
            declared=_SOON,
            step_ms=20,
        ),
        # an error after complete says nothing: what was sent before is still to be received
        played(*_STALL, done(3, "complete", "other"), done(4, "error", "other"), SETTLED),
    ),
    bad=(
        *_scripted_blocked.STUCK,
        played(*_STALL, done(3, "error", "other"), SETTLED),
        played(*_STALL, *_LATER, options={"deadline_ms": 100}, declared=_SOON, step_ms=20),
    ),
)


def gives_up_in_time(h: History) -> Iterator[Finding]:
    yield from _scripted_blocked.gives_up(h)
    for flow in flows(h):
        limit_ms = flow.option("send_timeout_ms", "send-timeout")
        if limit_ms is None or limit_ms <= 0 or flow.timed or not flow.sends:
            continue
        ends = flow.first("complete", *UNCOUNTED)
        yield from _in_time(flow, limit_ms, ends)


def _in_time(flow: Flow, limit_ms: int, ends: int) -> Iterator[Finding]:
    for settled in flow.settled:
        for span in flow.waiting(settled):
            waited_ms = (settled.t_ns - span.called.t_ns) / 1e6
            if settled.index < ends and stuck(span, settled) and waited_ms >= 2 * limit_ms + GRACE_MS:
                got = f"{name(span)} still waits after {waited_ms:g} ms"
                expected = f"a send that fails with TIMED_OUT after {limit_ms} ms"
                yield broken(span.called, settled, expected=expected, got=got)
                return
    failed = [span for span in flow.sends if span.raised and not dropped(span)]
    gave_up = [span for span in failed if lasted_ms(span) >= limit_ms - 1 and span.ended and span.ended.index < ends]
    if not gave_up:
        yield unknown("no send was seen to wait for longer than its timeout")
    for span in gave_up[:1]:
        yield _gave_up(flow, span, limit_ms, ends)


def _gave_up(flow: Flow, span: Span, limit_ms: int, ends: int) -> Finding:
    """The first send whose time was up: told so, its item gone, its stream as before."""
    code = span.raised.code if span.raised else ""
    if code not in {"", "TIMED_OUT"}:
        return broken(span.records, expected=f"TIMED_OUT after {limit_ms} ms", got=code)
    if came := next((record for record in flow.items if key(record) == name(span)), None):
        got = f"{name(span)} arrived"
        return broken(span.records, came, expected="a send that raised TIMED_OUT has not sent its item", got=got)
    assert span.ended
    after = [c for c in (*flow.receives, *flow.sends) if c.ended and span.ended.index < c.ended.index < ends]
    if ended := next((call for call in after if _shows_an_end(call, span.ended, limit_ms)), None):
        got = f"the next {ended.op} {'was answered end' if ended.returned else f'raised {_said(ended)}'}"
        return broken(span.records, ended.records, expected="the stream goes on after a send's timeout", got=got)
    on = [call for call in after if call.called.index > span.ended.index and (call.op == "send" or got_item(call))]
    sent = next((call for call in on if call.op == "send" and call.returned), None)
    received = next((call for call in on if call.op == "receive"), None)
    if sent and received:
        return held(span.records, sent.records, received.records)
    return unknown("nothing was sent and received after a send's time was up", span.called)


def _shows_an_end(call: Span, since: Record, limit_ms: int) -> bool:
    """Whether this call, which nobody's ending explains, was answered as on a stream that is over."""
    if call.op == "receive":
        return (call.returned and call.value == END) or bool(call.raised and not dropped(call))
    if not call.raised or dropped(call) or call.called.index < since.index:
        return False
    return call.raised.code != "TIMED_OUT" if call.raised.code else lasted_ms(call) < limit_ms - 1


def _said(call: Span) -> str:
    return (call.raised.code or call.raised.kind) if call.raised else ""


_TIMED: Final = {"feature.send-timeout": True}
_WAITED: Final = (send(0, 1), waiting(1, 2), *(SETTLED,) * 3)
_GAVE_UP: Final = (*_WAITED, refused(1, "TIMED_OUT"))


def _timed(*parts: Part) -> History:
    return played(*parts, options={"send_timeout_ms": 50}, declared=_TIMED, step_ms=20)


BP_21 = Rule(
    id="BP-21",
    level=Level.SHOULD,
    sentence="A send that waits beyond the send timeout fails with TIMED_OUT, its item unsent; over a wire that shows.",
    source="seed 000 'Blocking'; OpenSearch's backpressure (seeds 2.5: the channel stays open); docs/contract.md",
    why="A producer that learns that it is too fast can do something else, if it knows what became of its item.",
    needs=("object|told:sending", "feature:send-timeout|feature:send_timeout_ms"),
    check=gives_up_in_time,
    good=(
        *_scripted_blocked.GAVE_UP,
        _timed(*_GAVE_UP, take(2, 0, 1), send(3, 3), take(4, 1, 3)),
        # an exception without a code will do
        _timed(*_WAITED, refused(1, "", "TimeoutError"), take(2, 0, 1), send(3, 3), take(4, 1, 3)),
        # it was received at the last moment
        _timed(*_WAITED, take(2, 0, 1), back(1), take(3, 1, 2)),
    ),
    bad=(
        *_scripted_blocked.WAITED_ON,
        _timed(*_WAITED, *_LATER),
        _timed(*_WAITED, refused(1, "INTERNAL"), take(2, 0, 1)),
        _timed(*_GAVE_UP, take(2, 0, 1), take(3, 1, 2)),
        _timed(*_GAVE_UP, take(2, 0, 1), failed(3, "send", "CANCELLED", arg="producer:3")),
        _timed(*_GAVE_UP, fail(2, "TIMED_OUT")),
    ),
)
