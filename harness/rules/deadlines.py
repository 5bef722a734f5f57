"""DL: what a deadline does to the consumer and to the handler of a stream object, or of a scripted stream.

Early is exact; late counts only long after, and only where nothing but time can have ended the stream. Never here: a
guess when a timer fired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.event import Failed, Settled
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import SETTLED, back, begun, done, refused, sends, take, told
from streamspec.harness.rules._scripted_deadlines import (
    CLIENT_TOLD,
    CLIENT_UNTOLD,
    HANDLER_GOES_ON,
    HANDLER_STOPPED,
    LEFT_TOLD,
    LEFT_UNTOLD,
    client_is_told,
    scripted_handler_is_stopped,
    time_left_is_told,
)
from streamspec.harness.rules._scripted_ends import both
from streamspec.harness.rules._scripted_races import CALLED_TOO_LATE, NOT_CALLED, no_handler_for_the_late
from streamspec.harness.rules._times import (
    Limit,
    answers,
    deadlines,
    ended_otherwise,
    handler_said,
    ms,
    overdue,
    paused,
    remaining,
    shown,
    timed,
    timed_out,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.calls import Span
    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History

_TIME: Final = "TIMED_OUT or DEADLINE_EXCEEDED"


# -- the consumer ------------------------------------------------------------------------------------------------------


def consumer_is_told(h: History) -> Iterator[Finding]:
    for limit in deadlines(h):
        found = answers(h, limit.session)
        first = next(iter(found), None)
        said = next((span for span in found if timed_out(span)), None)
        if said and said.ended:
            if ms(said.ended) >= limit.earliest_ms and not ended_otherwise(h, limit.session, said.ended):
                yield held(said.records)
            else:
                yield unknown("the stream may have ended before its deadline, or for another reason", said.ended)
        elif first and first.ended:
            yield from _told_otherwise(h, limit, first, first.ended)
        else:
            yield from _told_nothing(h, limit)


def _told_otherwise(h: History, limit: Limit, first: Span, at: Record) -> Iterator[Finding]:
    """The first answer that was no item, and nobody was told the time. Only one that came after the deadline, with no
    other receive under way, was the deadline's."""
    if ms(at) < limit.earliest_ms or ended_otherwise(h, limit.session, at):
        yield unknown("the stream may have ended before its deadline, or for another reason", at)
    elif any(span.open_at(at) for span in calls.spans(h, limit.session, "receive", "iterate")):
        yield unknown("several were receiving when the first of them was answered", at)
    elif calls.option(h, limit.session, "idle_ms") is not None:
        yield unknown("an idle limit may have ended it before, in words of its own", at)
    elif first.raised is not None and not first.raised.code:
        yield unknown(f"the consumer was told {first.raised.kind}, which has no code and may mean anything", at)
    else:
        yield broken(first.records, expected=f"the consumer is told {_TIME}", got=shown(first))


def _told_nothing(h: History, limit: Limit) -> Iterator[Finding]:
    late = overdue(h, limit.session, limit.latest_ms, "receive", "iterate")
    if late is None or ended_otherwise(h, limit.session, late[0]):
        yield unknown("no consumer was seen waiting when a deadline passed")
    elif paused(h, limit.session):
        yield unknown("a pause may hold the end back", late[0])
    else:
        settled, stuck = late
        got = f"its receive still waiting {limit.after(settled)}"
        yield broken(stuck[0].records, settled, expected=f"the consumer is told {_TIME}", got=got)


_WAITS: Final = begun(0, "receive", "consumer")
_TOLD: Final = (refused(0, "TIMED_OUT"), Failed("TIMED_OUT"))

DL_01 = Rule(
    id="DL-01",
    level=Level.MUST,
    sentence="When the deadline has passed the consumer is told so: TIMED_OUT, DEADLINE_EXCEEDED or a TimeoutError; "
    "over a wire that has no codes, a failure.",
    source="gRPC core concepts 'Deadlines/Timeouts', statuscodes.md DEADLINE_EXCEEDED; seed 000 TIMED_OUT",
    why="A consumer that is not told waits for ever, or takes half an answer for a whole one.",
    needs=("object|script", "feature:deadline|feature:deadline_ms"),
    check=both(consumer_is_told, client_is_told),
    good=(
        *CLIENT_TOLD,
        timed(_WAITS, 1_000, *_TOLD, SETTLED, deadline_ms=1_000),
        timed(_WAITS, 1_000, refused(0, "", "TimeoutError"), Failed("TimeoutError"), deadline_ms=1_000),
        # what was accepted before may still be delivered first
        timed(sends(0, 1, 1), 1_000, take(1, 0, 1), begun(2, "receive"), refused(2, "TIMED_OUT"), deadline_ms=1_000),
        # somebody else ended it
        timed(_WAITS, 1_000, done(1, "cancel", "other"), refused(0, "CANCELLED"), deadline_ms=1_000),
        # threads write down in any order who was told what
        timed(_WAITS, begun(1, "receive", "other"), 1_000, refused(1, "UNAVAILABLE"), *_TOLD, deadline_ms=1_000),
        # the deadline had not passed, or the caller of a thread was not waited for
        timed(_WAITS, 8_000, SETTLED, deadline_ms=9_000),
        timed(_WAITS, 9_000, Settled(exact=False), deadline_ms=1_000, kind="threads"),
    ),
    bad=(
        *CLIENT_UNTOLD,
        timed(_WAITS, 6_000, SETTLED, deadline_ms=1_000),
        timed(_WAITS, 5_500, Settled(exact=False, late=("consumer",)), deadline_ms=1_000, kind="threads"),
        timed(_WAITS, 1_000, refused(0, "CANCELLED"), deadline_ms=1_000),
        timed(_WAITS, 1_000, back(0, "end"), deadline_ms=1_000),
    ),
)


# -- the handler -------------------------------------------------------------------------------------------------------


def handler_is_stopped(h: History) -> Iterator[Finding]:
    for limit in deadlines(h):
        produces = calls.spans(h, limit.session, "produce")
        began = handler_said(h, limit.session, "began")
        if len(produces) != 1 or len(began) != 1 or ms(began[0]) >= limit.earliest_ms:
            continue
        over = next(iter(handler_said(h, limit.session, "returned", "raised")), None)
        late = overdue(h, limit.session, limit.latest_ms, "produce")
        if over and _was_stopped(h, limit, produces[0], over):
            yield held(produces[0].called, over)
        elif over:
            yield unknown("the handler was over before the deadline, or for another reason", over)
        elif late and not paused(h, limit.session) and not ended_otherwise(h, limit.session, late[0], handlers=False):
            got = f"it still runs {limit.after(late[0])}"
            yield broken(began, late[0], expected="the handler's send or sleep raises, and it stops", got=got)
        else:
            yield unknown("nobody looked at the handler long enough after the deadline")


def _was_stopped(h: History, limit: Limit, produce: Span, over: Record) -> bool:
    """A handler that raises because the script says so, or that has nothing more to do, ended by itself."""
    raised = over in handler_said(h, limit.session, "raised")
    by_itself = produce.arg == "raises" if raised else produce.arg != "idles"
    late = ms(over) >= limit.earliest_ms
    return late and not by_itself and not ended_otherwise(h, limit.session, over, handlers=False)


_BEGAN: Final = told(handler="began", remaining_ms=1_000)
_PRODUCE: Final = (begun(0, "produce", "maker", "idles"), _BEGAN)
_STOPPED: Final = (told(handler="raised", handler_raised="StreamError"), back(0))

DL_02 = Rule(
    id="DL-02",
    level=Level.MUST,
    sentence="When the deadline has passed the handler is stopped too: its send or its sleep raises.",
    source="contract 3 (design 1); seed 001 'Always check context'; gRPC guide 'Deadlines' (the call is cancelled)",
    why="A handler that nobody stops works on for a consumer that has gone; every late stream leaves one behind.",
    needs=("object|script", "feature:deadline|feature:deadline_ms", "feature:produce|told:ended"),
    after=("DL-01",),
    check=both(handler_is_stopped, scripted_handler_is_stopped),
    good=(
        *HANDLER_STOPPED,
        timed(_PRODUCE, 1_000, _STOPPED, deadline_ms=1_000),
        # over for another reason
        timed(_PRODUCE, 1_000, done(1, "cancel", "consumer"), _STOPPED, deadline_ms=1_000),
        timed(begun(0, "produce", "maker", "raises"), _BEGAN, 1_000, _STOPPED, deadline_ms=1_000),
        # a thread that was not waited for may only be slow
        timed(_PRODUCE, 9_000, Settled(exact=False), deadline_ms=1_000, kind="threads"),
    ),
    bad=(
        *HANDLER_GOES_ON,
        timed(_PRODUCE, 6_000, SETTLED, deadline_ms=1_000),
        timed(_PRODUCE, 5_500, Settled(exact=False, late=("maker",)), deadline_ms=1_000, kind="threads"),
    ),
)


def time_left_is_visible(h: History) -> Iterator[Finding]:
    for limit in deadlines(h):
        if calls.option(h, limit.session, "idle_ms") is not None:
            continue  # the time left may be that of the idle limit
        numbers = remaining(h, limit.session)
        for began in handler_said(h, limit.session, "began"):
            if ended_otherwise(h, limit.session, began, handlers=False):
                yield unknown("the stream may have been over when the handler began", began)
            elif not calls.has(h, "remaining"):
                yield unknown("it does not say that it shows the time left", began)
            elif all(record.index != began.index for record, _ in numbers):
                yield broken(began, expected=f"the time left, at most {limit.ms} ms", got="no number in remaining_s")
            else:
                yield _time_left(h, limit, began, numbers)


def _time_left(h: History, limit: Limit, began: Record, numbers: tuple[tuple[Record, int], ...]) -> Finding:
    """What the handler was told when it began fits the deadline, and what is told later has come nearer to it."""
    left_ms = next(value for record, value in numbers if record.index == began.index)
    least_ms = max(0.0, limit.ms - (ms(began) - limit.made_after_ms))
    if not least_ms - limit.slack_ms <= left_ms <= limit.ms + limit.slack_ms:
        return broken(began, expected=f"{least_ms:.0f} to {limit.ms} ms left", got=f"{left_ms} ms")
    over = next(iter(handler_said(h, limit.session, "returned", "raised")), None)
    for later, value in numbers:
        asked = _asked(h, limit.session, later)
        ended = (over and over.index < later.index) or ended_otherwise(h, limit.session, later, handlers=False)
        if later.index <= began.index or not asked or ended:
            continue
        most_ms = max(0.0, left_ms - (ms(asked) - ms(began)))
        if value > most_ms + limit.slack_ms:
            return broken(began, later, expected=f"{most_ms:.0f} ms left at most", got=f"{value} ms")
    return held(began)


def _asked(h: History, session: str, figure: Record) -> Record | None:
    """When the first of the calls began that may have asked for this figure."""
    return next((span.called for span in calls.spans(h, session, "observe") if span.open_at(figure)), None)


_LOOK: Final = (begun(1, "observe", "other"), told(remaining_ms=900), back(1))

DL_03 = Rule(
    id="DL-03",
    level=Level.SHOULD,
    sentence="A handler can see how much time is left until the deadline.",
    source="gRPC core concepts 'Deadlines/Timeouts' (the server can query how much time is left)",
    why="A handler that knows its time can send what it has, instead of losing all of it at the deadline.",
    needs=(
        *("object|script", "feature:deadline|feature:deadline_ms", "feature:produce|script"),
        "feature:remaining|told:remaining_ms",
    ),
    check=both(time_left_is_visible, time_left_is_told),
    good=(
        *LEFT_TOLD,
        timed(_PRODUCE, deadline_ms=1_000, features="remaining"),
        timed(_PRODUCE, 110, _LOOK, deadline_ms=1_000, features="remaining"),
        # a clock that stands still once the stream is over
        timed(_PRODUCE, 500, _STOPPED, 900, _LOOK, deadline_ms=1_000, features="remaining"),
        # made long before its handler began
        timed(SETTLED, 700, _PRODUCE[0], told(handler="began", remaining_ms=300), deadline_ms=1_000,
              features="remaining"),
    ),
    bad=(
        *LEFT_UNTOLD,
        timed(_PRODUCE[0], told(handler="began"), deadline_ms=1_000, features="remaining"),
        timed(_PRODUCE, deadline_ms=500, features="remaining"),
        timed(_PRODUCE, deadline_ms=5_000, features="remaining"),
        timed(_PRODUCE, 500, _LOOK, deadline_ms=1_000, features="remaining"),
    ),
)  # fmt: skip


def no_handler_when_it_is_too_late(h: History) -> Iterator[Finding]:
    """It is too late for certain when a consumer has been told so."""
    for limit in deadlines(h):
        said = next((span.ended for span in answers(h, limit.session) if timed_out(span)), None)
        produces = calls.spans(h, limit.session, "produce")
        began = handler_said(h, limit.session, "began")
        if not said or ms(said) < limit.earliest_ms or ended_otherwise(h, limit.session, said):
            yield unknown("no consumer had been told that the time is up")
        elif any(span.called.index < said.index for span in produces):
            yield unknown("a handler was asked for before the deadline")
        elif began:
            yield broken(said, began[0], expected="no handler is called once the time is up", got="it was called")
        elif ended := [span for span in produces if not span.open]:
            yield held(said, ended[0].records)


DL_07 = Rule(
    id="DL-07",
    level=Level.SHOULD,
    sentence="A handler that is asked for after the deadline is not called.",
    source="gRPC core concepts 'Deadlines/Timeouts'; grpc-java (a call whose deadline has passed is not started)",
    why="Work that is begun when nobody waits for it any more is work for nothing, and often work with effects.",
    needs=("object|script", "feature:deadline|feature:deadline_ms", "feature:produce|told:called"),
    check=both(no_handler_when_it_is_too_late, no_handler_for_the_late),
    good=(
        *NOT_CALLED,
        timed(_WAITS, 1_000, _TOLD, done(1, "produce", "maker", "idles"), deadline_ms=1_000),
        # called in time, and slow to begin
        timed(_WAITS, begun(1, "produce", "maker"), 1_000, _TOLD, told(handler="began"), deadline_ms=1_000),
    ),
    bad=(
        *CALLED_TOO_LATE,
        timed(_WAITS, 1_000, _TOLD, begun(1, "produce", "maker"), told(handler="began"), deadline_ms=1_000),
    ),
)
