"""CN on objects: what a cancel tells the producer and the consumer of a stream inside a process.

CN-01 and CN-10 speak of servers, too (`_scripted_cancels`). Never here: a cancel's neighbours (CN-21), a send that was
parked when it came (BP-09), or what a stream has to clean up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.calls import END, Span, dropped, first_call, items, spans
from streamspec.harness.core.event import Told
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    fail,
    failed,
    played,
    send,
    sends,
    take,
    together,
    waiting,
)
from streamspec.harness.core.written_calls import told as tells
from streamspec.harness.rules import _cancel_words, _scripted_cancels
from streamspec.harness.rules._cancels import (
    CANCELLED,
    after,
    cancelled,
    code,
    ended_otherwise,
    noticed,
    uncancelled,
    waits,
)
from streamspec.harness.rules._scripted_ends import both

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.rule import Evidence
    from streamspec.harness.core.written_calls import Part

_NOT_YET: Final = "nobody asked after the cancel had been noticed"


def _cancel(call: int, by: str = "canceller") -> tuple[Part, ...]:
    return done(call, "cancel", by)


def _refusals(call: int) -> tuple[Part, ...]:
    """Two receives that are refused."""
    return (failed(call, "receive", CANCELLED, "consumer"), failed(call + 1, "receive", CANCELLED, "consumer"))


_FULL: Final = (sends(0, 1, 2), _cancel(2), SETTLED)  # two items are in the buffer, then comes the cancel


# -- the producer ------------------------------------------------------------------------------------------------------


def producers_learn(h: History) -> Iterator[Finding]:
    yield from _scripted_cancels.senders_are_told_cancelled(h)
    yield from uncancelled(h)
    for session, cancel in cancelled(h):
        late = after(h, session, noticed(h, session, cancel), "send")
        wrong = next(((span, got) for span in late if (got := _unlearnt(h, session, span))), None)
        refused = [span for span in after(h, session, cancel.ended, "send") if span.raised]
        learnt = [span for span in refused if code(span) == CANCELLED or not ended_otherwise(h, session, span.called)]
        if wrong:
            wanted = "every send after the cancel is refused, with CANCELLED if errors have codes"
            evidence = (cancel.records, wrong[0].records, waits(h, session, wrong[0]))
            yield broken(*evidence, expected=wanted, got=wrong[1])
        elif learnt:
            yield held(cancel.records, learnt[0].records)
        else:
            yield unknown(_NOT_YET, cancel.records)


def _unlearnt(h: History, session: str, late: Span) -> str:
    """What is wrong with the answer to this late send, in words."""
    if late.returned:
        return f"{late.arg} was accepted"
    if code(late) not in {"", CANCELLED} and not ended_otherwise(h, session, late.ended or late.called):
        return f"{late.arg} was refused with {code(late)}"
    return f"{late.arg} still waits" if waits(h, session, late) else ""


CN_01 = Rule(
    id="CN-01",
    level=Level.MUST,
    sentence="After a cancel every send is refused, and a server's handler told: CANCELLED, where errors have codes.",
    source="seed 000 'Cancellation' (throws StreamException with CANCELLED)",
    why="A producer that is not told works on for nobody, and takes its work for delivered.",
    needs=("object|told:cancel_code", "feature:cancel|feature:generate", "object|told:cancel_seen"),
    check=producers_learn,
    good=(
        *_scripted_cancels.NAMED,
        played(*_FULL, failed(3, "send", CANCELLED, arg="producer:3"), failed(4, "send", CANCELLED)),
        # errors without codes: any is an answer
        played(*_FULL, failed(3, "send", arg="producer:3")),
        # a stream that had ended says so, cancel or not
        played(sends(0, 1, 2), done(2, "complete"), _cancel(3), SETTLED, failed(4, "send", "UNAVAILABLE")),
        # a cancel may take a moment to arrive
        played(sends(0, 1, 2), _cancel(2), send(3, 3), SETTLED, failed(4, "send", CANCELLED)),
    ),
    bad=(
        *_scripted_cancels.UNNAMED,
        played(*_FULL, send(3, 3)),
        played(*_FULL, failed(3, "send", "UNAVAILABLE")),
        played(*_FULL, waiting(3, 3), SETTLED),
        # once is not for ever
        played(*_FULL, failed(3, "send", CANCELLED), send(4, 4)),
    ),
)


# -- the consumer ------------------------------------------------------------------------------------------------------


def nothing_delivered(h: History) -> Iterator[Finding]:
    yield from uncancelled(h)
    has_a_word = _refuses_receivers(h)
    for session, cancel in cancelled(h):
        since = noticed(h, session, cancel)
        taken = _taken(h, session, cancel, since)
        asked = after(h, session, since, "receive", "iterate")
        ended = () if _had_ended(h, session, cancel) else after(h, session, cancel.ended, "complete", "error")
        pairs = ((end, receive) for receive in asked for end in ended if end.called.index < receive.called.index)
        shown = next(((*pair, got) for pair in pairs if (got := _shown(*pair, has_a_word=has_a_word))), None)
        refused = [span for span in asked if span.raised]
        if taken:
            got = f"{len(taken)}, the first is {taken[0].value}"
            yield broken(cancel.records, taken[0].records, expected="no item after the cancel", got=got)
        elif shown:
            wanted = f"{shown[0].op}() after the cancel shows nowhere"
            yield broken(cancel.records, shown[0].records, shown[1].records, expected=wanted, got=shown[2])
        elif refused:
            yield held(cancel.records, refused[-1].records)
        elif ended_well := next((span for span in asked if span.value == END), None):
            yield unknown("its receives end after a cancel: that may be its word for closed", ended_well.records)
        else:
            yield unknown(_NOT_YET, cancel.records)


def _taken(h: History, session: str, cancel: Span, since: Record | None) -> tuple[Span, ...]:
    """The receives after the cancel that got an item. A stream that had ended before may still give what it has."""
    if _had_ended(h, session, cancel):
        return ()
    return tuple(span for span in after(h, session, since, "receive") if span.returned and span.value != END)


def _had_ended(h: History, session: str, cancel: Span) -> bool:
    """Whether the stream may have ended before it was cancelled."""
    return cancel.ended is None or ended_otherwise(h, session, cancel.ended)


def _shown(late: Span, receive: Span, *, has_a_word: bool) -> str:
    """How this late complete or error showed in a receive, in words."""
    if late.op == "complete":
        return f"receive answered {END}" if has_a_word and receive.value == END else ""
    return f"receive raised {code(receive)}" if code(receive) == late.arg != CANCELLED else ""


def _refuses_receivers(h: History) -> bool:
    """Whether a receive after a cancel is refused, and again: for some streams `end` is the word for closed."""
    refused = False
    for session, cancel in cancelled(h):
        completed = first_call(h, session, "complete")
        before = completed.called.index if completed else len(h.records)
        asked = [span for span in after(h, session, cancel.ended, "receive") if span.called.index < before]
        if any(span.value == END for span in asked):
            return False
        refused = refused or sum(span.raised is not None for span in asked) >= 2
    return refused


CN_03 = Rule(
    id="CN-03",
    level=Level.MUST,
    sentence="After a cancel no item and no ending reaches the consumer; complete and error raise or do nothing.",
    source="seed 000 'Cancellation' (do not call completeStream or sendResponse); Reactive Streams §1.8",
    why="Whoever cancelled has let go of what items need; an end that comes later makes half an answer a whole one.",
    needs=("object|cancel-word", "feature:cancel|feature:gate"),
    check=both(_cancel_words.nothing_after_the_word, nothing_delivered),
    good=(
        *_cancel_words.NOTHING,
        played(*_FULL, _refusals(3), done(5, "complete"), failed(6, "receive", CANCELLED, "consumer")),
        played(*_FULL, _refusals(3), failed(5, "complete", CANCELLED), failed(6, "receive", CANCELLED, "consumer")),
        played(*_FULL, done(3, "error", arg="NOT_FOUND"), failed(4, "receive", "", "consumer")),
        # for this stream `end` is the word for closed
        played(*_FULL, end(3), done(4, "complete"), end(5, first=False)),
        # it had completed before
        played(done(0, "complete"), end(1), _cancel(2), SETTLED, end(3, first=False)),
        # an item that was on its way
        played(send(0, 1), _cancel(1), take(2, 0, 1), SETTLED, _refusals(3)),
    ),
    bad=(
        *_cancel_words.SOMETHING,
        played(*_FULL, take(3, 0, 1)),
        played(*_FULL, _refusals(3), done(5, "complete"), end(6)),
        played(*_FULL, _refusals(3), done(5, "error", arg="NOT_FOUND"), fail(6, "NOT_FOUND")),
    ),
)


# -- both --------------------------------------------------------------------------------------------------------------


def production_stops(h: History) -> Iterator[Finding]:
    """CN-08 as far as objects show it; the rule is in `leaving`."""
    yield from uncancelled(h)
    for session, cancel in cancelled(h):
        before = [record for record in items(h, session) if record.index < cancel.called.index]
        if not before:
            continue
        since = noticed(h, session, cancel)
        sent = tuple(span for span in after(h, session, since, "send") if span.returned)
        taken = _taken(h, session, cancel, since)
        stopped = [span for span in spans(h, session, "send") if span.raised and not dropped(span)]
        stopped = [span for span in stopped if span.ended and span.ended.index > cancel.called.index]
        if sent or taken:
            wanted = f"neither production nor delivery after a cancel at item {len(before)}"
            got = f"{len(sent)} more items accepted, {len(taken)} delivered"
            yield broken(before[-1], cancel.records, (*sent, *taken)[0].records, expected=wanted, got=got)
        elif since and stopped:
            yield held(before[-1], cancel.records, stopped[-1].records)
        else:
            yield unknown("nobody was producing when the cancel came", cancel.records)


_OF_THREE: Final = (sends(0, 1, 3), take(3, 0, 1), _cancel(4))  # sent, one of them was received
_LEARNT: Final = failed(6, "send", CANCELLED, arg="producer:4")

STOPPED: Final = (
    played(*_OF_THREE, SETTLED, _LEARNT),
    # what was in flight may still arrive
    played(*_OF_THREE, take(5, 1, 2), SETTLED, _LEARNT),
)
GOES_ON: Final = (
    played(*_OF_THREE, SETTLED, send(6, 4)),
    played(*_OF_THREE, SETTLED, take(6, 1, 2)),
)


def one_outcome(h: History) -> Iterator[Finding]:
    """Both outcomes must have been seen: a race that always goes the same way shows little. A stream that was cancelled
    after its end may say so; one that tells of its cancel and then ends must be known not to do so always."""
    yield from _scripted_cancels.races_have_one_outcome(h)
    yield from uncancelled(h)
    seen: dict[str, Evidence] = {}
    turned: list[tuple[Evidence, str]] = []
    trials = steady = 0
    for session, cancel in cancelled(h):
        complete = first_call(h, session, "complete")
        if not complete or spans(h, session, "error"):
            continue
        trials += 1
        answers = [span for span in spans(h, session, "receive", "iterate") if _outcome(span)]
        told_of = [span for span in answers if code(span) == CANCELLED]
        ends = [span for span in answers if told_of and span.value == END and told_of[0].ended_before(span.called)]
        steady += len(told_of) >= 2 and not ends
        if ends:
            turned.append(((cancel.records, complete.records, told_of[0].records, ends[0].records), ends[0].by))
        elif left := _left(h, session, cancel, complete):
            wanted = f"an outcome for everybody once {cancel.by} has cancelled and {complete.by} completed"
            got = f"{left.by} still waits in {left.op}"
            yield broken(cancel.records, complete.records, left.records, expected=wanted, got=got)
        elif len(answers) >= 2:
            seen.setdefault(_outcome(answers[0]), (cancel.records, answers[0].records, answers[1].records))
    if turned and steady:
        got = f"{CANCELLED} and then {END}, {len(turned)} times in {trials}"
        yield broken(turned[0][0], expected=f"one outcome for {turned[0][1]}", got=got)
    if len(seen) == 2:
        yield held(*seen.values())
    elif trials:
        yield unknown(f"in {trials} trials the outcome was always {next(iter(seen), 'asked for only once')}")


def _outcome(receive: Span) -> str:
    """What this receive told of the end. A refusal without a code is taken for a cancel, and held against nobody."""
    if receive.value == END:
        return "completed"
    return "cancelled" if receive.raised and not dropped(receive) and code(receive) in {"", CANCELLED} else ""


def _left(h: History, session: str, cancel: Span, complete: Span) -> Span | None:
    """A call without any outcome: the producer's complete, or the last receive of a consumer who had none before."""
    if complete.open:
        return complete if waits(h, session, complete, cancel.ended) else None
    receives = spans(h, session, "receive", "iterate")
    alone = len({span.by for span in receives}) == 1 and not spans(h, session, "pause")
    if not alone or any(_outcome(span) for span in receives) or not complete.returned:
        return None
    since = max((complete.ended, cancel.ended), key=lambda record: record.index if record else 0)
    return receives[-1] if waits(h, session, receives[-1], since) else None


def _race(*told_of: Part) -> tuple[Part, ...]:
    """The canceller and the producer call at once; what the consumer is told."""
    return (begun(0, "complete"), begun(1, "cancel", "canceller"), back(0), back(1), told_of)


_ENDED: Final = _race(end(2), end(3, first=False), SETTLED)
_REFUSED: Final = _race(_refusals(2), SETTLED)
_TURNED: Final = _race(failed(2, "receive", CANCELLED, "consumer"), end(3), SETTLED)
_CLOSED: Final = _race(end(2), failed(3, "receive", CANCELLED, "consumer"), SETTLED)

CN_10 = Rule(
    id="CN-10",
    level=Level.MUST,
    sentence="When a cancel races a completion, each side is told an outcome; after a cancel was told there is no end.",
    source="gRPC core concepts 'RPC termination'; Reactive Streams §1.7",
    why="A consumer that is told both acts twice; one that is told neither waits for ever.",
    needs=("object|told:terminals", "feature:cancel|told:cancel_seen", "feature:complete", "object|told:state"),
    check=one_outcome,
    good=(
        *_scripted_cancels.ONE,
        together(("1", {}, _ENDED), ("2", {}, _REFUSED)),
        # cancelled after its end, and closed therefore
        together(("1", {}, _CLOSED), ("2", {}, _REFUSED)),
        # this stream tells of an error once, and has ended afterwards, as generators do
        together(("1", {}, _TURNED), ("2", {}, _ENDED)),
    ),
    bad=(
        *_scripted_cancels.TWO,
        together(("1", {}, _TURNED), ("2", {}, _REFUSED)),
        played(*_race(begun(2, "receive", "consumer"), SETTLED)),
        played(begun(0, "complete"), _cancel(1), SETTLED),
    ),
)


def cancelled_again(h: History) -> Iterator[Finding]:
    yield from uncancelled(h)
    for session, cancel in cancelled(h):
        for again in after(h, session, cancel.ended, "cancel"):
            wrong = _changed(h, session, cancel, again)
            if wrong:
                wanted = "a second cancel that returns and changes nothing"
                yield broken(cancel.records, again.records, wrong[0], expected=wanted, got=wrong[1])
            elif again.returned and noticed(h, session, again):
                yield held(cancel.records, again.records)
            else:
                yield unknown("nothing was seen after the second cancel", again.records)


def _changed(h: History, session: str, cancel: Span, again: Span) -> tuple[Evidence, str] | None:
    """What the second cancel did that it must not do, and where."""
    if again.raised:
        return (), f"it raised {code(again) or again.raised.kind}"
    if still := waits(h, session, again):
        return still, "it still waits"
    for record in h.of(Told, session):
        for name, n in record.event.values.items() if isinstance(record.event, Told) else ():
            if name.startswith("cleanup.") and isinstance(n, int) and n > 1 and record.index > again.called.index:
                return record, f"{name.removeprefix('cleanup.')} cleaned up {n} times"
    sent = after(h, session, cancel.ended, "send")
    between = [span for span in sent if span.called.index < again.called.index]
    since = noticed(h, session, again)
    taken = [span for span in sent if span.returned and since and span.called.index >= since.index]
    # Refused twice, or else the first refusal may have been what let the next one in.
    if len(between) >= 2 and all(span.raised for span in between) and taken:
        return (between[-1].records, taken[0].records), f"{taken[0].arg} was accepted again"
    return None


_TWICE: Final = (*_FULL, failed(3, "send", CANCELLED), failed(4, "send", CANCELLED), _cancel(5))

CN_13 = Rule(
    id="CN-13",
    level=Level.MUST,
    sentence="A second cancel returns and changes nothing.",
    source="Reactive Streams §3.5, §3.7, §3.15",
    why="Timeouts, users and closing pages all cancel; none of them knows of the others.",
    needs=("object", "feature:cancel"),
    check=cancelled_again,
    good=(
        played(*_TWICE, SETTLED, failed(6, "send", CANCELLED)),
        # what it returns is its own affair
        played(*_FULL, done(3, "cancel", value="False"), SETTLED),
    ),
    bad=(
        played(*_FULL, failed(3, "cancel", "UNAVAILABLE")),
        played(*_FULL, begun(3, "cancel"), SETTLED),
        played(*_TWICE, SETTLED, send(6, 5)),
        played(tells(cleanup__a=1), *_FULL, begun(3, "cancel"), tells(cleanup__a=2), back(3), SETTLED),
    ),
)
