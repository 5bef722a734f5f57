"""CN on objects: what a stream cleans up when it is cancelled, and that leaving its iteration is a cancel.

What CN-04 and CN-05 say of servers is in `leaving_learnt` and `_scripted_cleanups`. Never here: what a cancel tells
producers and consumers (`cancellation_objects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import BREAK, Span, dropped, items, sent, settlings, spans, told
from streamspec.harness.core.event import Settled
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    failed,
    item,
    played,
    refused,
    send,
    sends,
    together,
    waiting,
)
from streamspec.harness.core.written_calls import told as tells
from streamspec.harness.rules import _scripted_cleanups, leaving_learnt
from streamspec.harness.rules._cancels import (
    CANCELLED,
    after,
    cancelled,
    code,
    ended_otherwise,
    noticed,
    single,
    uncancelled,
    waits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Evidence
    from streamspec.harness.core.written_calls import Part

_TIMES_LEAST: Final = 3  # with threads, what is only missing must be missing every time, and so often


def _cancel(call: int) -> tuple[Part, ...]:
    return done(call, "cancel", "canceller")


# -- cleanups ----------------------------------------------------------------------------------------------------------


def cleaned_once(h: History) -> Iterator[Finding]:
    yield from leaving_learnt.cleaned_once(h)
    yield from _scripted_cleanups.handlers_clean_up_once(h)
    for session in single(h):
        for listen in spans(h, session, "listen"):
            twice = [(record, n) for record, n in _runs(h, session, listen) if isinstance(n, int) and n > 1]
            if twice:
                wanted, got = f"the cleanup {listen.arg} runs once", f"it ran {twice[-1][1]} times"
                yield broken(listen.records, *(record for record, _ in twice), expected=wanted, got=got)
    yield from _cleaned(h, began=True)


def cleaned_before_the_first_item(h: History) -> Iterator[Finding]:
    yield from _scripted_cleanups.handlers_clean_up_early(h)
    yield from _cleaned(h, began=False)


def _cleaned(h: History, *, began: bool) -> Iterator[Finding]:
    """Whether cleanups ran at all when a stream was cancelled that had accepted an item, or none."""
    ran: dict[str, Evidence] = {}
    missing: dict[str, list[tuple[Evidence, bool]]] = {}
    yield from uncancelled(h)
    for session, cancel in cancelled(h):
        if _began(h, session, cancel.called) is not began or ended_otherwise(h, session, cancel.called):
            continue
        since = noticed(h, session, cancel)
        for listen in spans(h, session, "listen"):
            if listen.returned and listen.ended_before(cancel.called):
                if runs := _runs(h, session, listen):
                    ran.setdefault(listen.arg, (listen.records, cancel.records, runs[0][0]))
                elif since:
                    exact = isinstance(since.event, Settled) and since.event.exact
                    missing.setdefault(listen.arg, []).append(((listen.records, cancel.records, since), exact))
    for name, times in missing.items():
        if times[0][1] or (len(times) >= _TIMES_LEAST and name not in ran):
            yield broken(times[0][0], expected=f"the cleanup {name} runs once", got="it never ran")
        else:
            yield unknown(f"the cleanup {name} did not run while we looked, {len(times)} times", times[0][0])
    yield from (held(evidence) for evidence in ran.values())


def _runs(h: History, session: str, listen: Span) -> list[tuple[Record, int | str]]:
    """The accounts of this cleanup: how often it has run by now."""
    return list(told(h, session, f"cleanup.{listen.arg}"))


def _began(h: History, session: str, record: Record) -> bool:
    """Whether the stream had accepted an item by then, as far as anybody knew."""
    accepted = any(span.ended_before(record) for span in sent(h, session))
    return accepted or any(received.index < record.index for received in items(h, session))


_LISTEN: Final = done(0, "listen", arg="a")
_RAN: Final = tells(cleanup__a=1)
_BEGUN: Final = (_LISTEN, send(1, 1))
_DURING: Final = (begun(2, "cancel", "canceller"), _RAN, back(2))

CN_04 = Rule(
    id="CN-04",
    level=Level.MUST,
    sentence="Every cleanup runs, and exactly once, when a stream is cancelled, its client leaves, or a handler ends.",
    source="seed 004 acceptance criteria; seed 002 'Best Practices' 3; seed 000 'Cancellation'",
    why="A cleanup that is missing leaks a connection for every reader that left; one that runs twice frees another's.",
    needs=("object|role:finite", "feature:cancel|role:endless", "feature:listeners|told:cleanups"),
    check=cleaned_once,
    good=(
        *leaving_learnt.CLEANED,
        *_scripted_cleanups.CLEANED,
        played(*_BEGUN, _DURING, SETTLED),
        # a moment later is soon enough
        played(*_BEGUN, _cancel(2), _RAN, SETTLED),
        # it ended well, and was cleaned up then
        played(*_BEGUN, done(2, "complete"), _cancel(3), SETTLED),
        # with threads a cleanup that has not run yet may only be slow
        played(*_BEGUN, _cancel(2), Settled(exact=False), kind="threads", step_ms=250),
    ),
    bad=(
        *leaving_learnt.UNCLEANED,
        *_scripted_cleanups.UNCLEANED,
        played(*_BEGUN, _cancel(2), SETTLED),
        played(*_BEGUN, _DURING, tells(cleanup__a=2), SETTLED),
        together(
            *((n, {}, (*_BEGUN, _cancel(2), Settled(exact=False))) for n in ("1", "2", "3")),
            kind="threads",
            step_ms=250,
        ),
    ),
)

CN_05 = Rule(
    id="CN-05",
    level=Level.MUST,
    sentence="What was acquired for a stream is released when it is cancelled, or left, before its first item.",
    source="seed 004 acceptance criteria (stream cancellation cleans up resources)",
    why="Readers that leave while they wait for the first item are the commonest, and each one would leak.",
    needs=("object|told:cleanups", "feature:cancel|feature:gate", "feature:listeners|feature:generate"),
    check=cleaned_before_the_first_item,
    good=(
        *_scripted_cleanups.RELEASED,
        played(_LISTEN, _cancel(1), _RAN, SETTLED),
        # the first send waited, and was refused
        played(_LISTEN, waiting(1, 1), _DURING, refused(1, CANCELLED), SETTLED),
    ),
    bad=(
        *_scripted_cleanups.KEPT,
        played(_LISTEN, _cancel(1), SETTLED),
        played(_LISTEN, waiting(1, 1), _cancel(2), refused(1, CANCELLED), SETTLED),
    ),
)


# -- sources -----------------------------------------------------------------------------------------------------------


def sources_are_closed(h: History) -> Iterator[Finding]:
    yield from uncancelled(h)
    for session, cancel in cancelled(h):
        counts = told(h, session, "open")
        before = [record for record, n in counts if n and record.index < cancel.called.index]
        if not before or any(dropped(feed) for feed in spans(h, session, "feed")):
            continue
        closed = next((record for record, n in counts if not n and record.index > before[-1].index), None)
        if closed and closed.index < cancel.called.index:
            continue
        still = _still_open(h, session, cancel)
        if closed:
            yield held(before[-1], cancel.records, closed)
        elif still:
            wanted = "the source's open count is 0 after the cancel"
            yield broken(before[-1], cancel.records, still, expected=wanted, got="it is 1")
        else:
            yield unknown("the source may still have been about to close", cancel.records)


def _still_open(h: History, session: str, cancel: Span) -> Evidence:
    """What shows that the source will not be closed: nothing moves any more, or its feeding is over, or waits."""
    since = noticed(h, session, cancel)
    for settled in settlings(h, session):
        if since and settled.index >= since.index:
            if isinstance(settled.event, Settled) and settled.event.exact:
                return settled
            for feed in spans(h, session, "feed"):
                if feed.ended_before(since) or waits(h, session, feed, since):
                    return (*feed.records, settled)
    return None


_OPEN: Final = (begun(0, "feed", "feeder"), tells(open=1))

CN_16 = Rule(
    id="CN-16",
    level=Level.SHOULD,
    sentence="A cancel reaches the source that feeds the stream: what it holds open is closed.",
    source="causalens/dara pull request 645",
    why="The connection behind the one that was cancelled stays open, one for every reader that left.",
    needs=("object", "feature:cancel", "feature:feed"),
    check=sources_are_closed,
    good=(
        played(*_OPEN, _cancel(1), tells(open=0), refused(0, CANCELLED), SETTLED),
        # its source had come to an end by itself
        played(*_OPEN, tells(open=0), back(0), _cancel(1), SETTLED),
        # a thread that waits for its source cannot be called away
        played(*_OPEN, _cancel(1), Settled(exact=False), kind="threads", step_ms=250),
    ),
    bad=(
        played(*_OPEN, _cancel(1), back(0), SETTLED),
        played(*_OPEN, _cancel(1), SETTLED),
        played(*_OPEN, _cancel(1), back(0), Settled(exact=False), kind="threads", step_ms=250),
    ),
)


# -- iteration ---------------------------------------------------------------------------------------------------------


def leaving_cancels(h: History) -> Iterator[Finding]:
    for session in single(h):
        left = next((span for span in spans(h, session, "iterate") if span.value == BREAK), None)
        if not left or not left.ended:
            continue
        since = noticed(h, session, left)
        # From the call on: who is refused by the leaving may say so before the leaver does.
        alive = [span for span in spans(h, session, "send") if not span.ended_before(left.called) and not dropped(span)]
        alive = [span for span in alive if not _other_end(h, session, span)]
        late = after(h, session, since, "send")
        wrong = next(
            (span for span in alive if (span in late and span.returned) or _stays(h, session, span, since)), None
        )
        told_of = next((span for span in alive if span.raised and code(span) in {"", CANCELLED}), None)
        if wrong:
            got = f"{wrong.arg} {'was accepted' if wrong.returned else 'still waits'}"
            wanted = "sends are refused once the iteration was left"
            yield broken(left.records, wrong.records, since, expected=wanted, got=got)
        elif told_of:
            yield held(left.records, told_of.records)
        else:
            yield unknown("nobody sent after the iteration was left", left.records)


def _stays(h: History, session: str, span: Span, since: Record | None) -> bool:
    return since is not None and span.open and waits(h, session, span, since) is not None


def _other_end(h: History, session: str, span: Span) -> bool:
    """Whether something else may have ended the stream, or cancelled it, before this call was over."""
    record = span.ended or span.called
    called = any(other.called.index < record.index for other in spans(h, session, "cancel"))
    return called or ended_otherwise(h, session, record)


_TWO: Final = (sends(0, 1, 2), begun(2, "iterate", "consumer", "2"), item(0, 1), item(1, 2), back(2, BREAK))

CN_18 = Rule(
    id="CN-18",
    level=Level.SHOULD,
    sentence="Leaving an iteration early cancels the stream.",
    source="seed 002 'Stream Interface' (async iterator)",
    why="A loop that is left looks finished; behind it the producer works on, or waits for ever.",
    needs=("object", "feature:iterate", "feature:cancel"),
    check=leaving_cancels,
    good=(
        played(*_TWO, SETTLED, failed(3, "send", CANCELLED)),
        played(*_TWO, waiting(3, 3), refused(3, CANCELLED), SETTLED),
        # somebody completed it meanwhile
        played(*_TWO, done(3, "complete"), SETTLED, failed(4, "send", "UNAVAILABLE")),
    ),
    bad=(
        played(*_TWO, SETTLED, send(3, 3)),
        played(*_TWO, waiting(3, 3), SETTLED),
    ),
)
