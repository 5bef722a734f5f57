"""DL: the idle limit of a stream object: an end that items put off, and that is shown when it comes.

What resets it is an item that was accepted and received; whether either alone would do is the object's own policy.
Never here: an end that the deadline made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.event import Completed, Failed, Settled
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import SETTLED, back, begun, done, refused, send, take
from streamspec.harness.rules._scripted_ends import both
from streamspec.harness.rules._scripted_idle import (
    HIDDEN,
    NOT_PUT_OFF,
    PUT_OFF,
    SHOWN,
    idle_end_is_a_failure,
    items_put_the_end_off,
)
from streamspec.harness.rules._times import (
    LATE_MS,
    Limit,
    answers,
    deadlines,
    delivered,
    ended_otherwise,
    idles,
    ms,
    overdue,
    paused,
    quiet_since_ms,
    shown,
    timed,
    timed_out,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.calls import Span
    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History


def items_put_off_the_idle_end_alone(h: History) -> Iterator[Finding]:
    total = {limit.session: limit for limit in deadlines(h)}
    for limit in idles(h):
        deadline = total.get(limit.session)
        outlived = _accepted_too_late(h, deadline) if deadline else None
        said = next((span for span in answers(h, limit.session) if timed_out(span)), None)
        if outlived:
            yield outlived
        elif not said or not said.ended or ended_otherwise(h, limit.session, said.ended):
            yield unknown("no idle end was seen")
        elif deadline:
            yield unknown("there was a deadline as well, and which of the two it was nobody says", said.ended)
        else:
            yield _put_off(h, limit, said, said.ended)


def _accepted_too_late(h: History, deadline: Limit) -> Finding | None:
    """Items that keep coming put off the idle end, not the deadline."""
    late = next((span for span in calls.sent(h, deadline.session) if ms(span.called) >= deadline.latest_ms), None)
    if late is None:
        return None
    expected = f"the deadline of {deadline.ms} ms ends it, however often items come"
    got = f"{late.arg.rstrip(' .')} accepted {deadline.after(late.called)}"
    return broken(late.records, expected=expected, got=got)


def _put_off(h: History, limit: Limit, said: Span, at: Record) -> Finding:
    resets = delivered(h, limit.session, at)
    last = max(resets, key=lambda span: ms(span.called), default=None)
    if last is None:
        return unknown("no item could have put the idle end off", at)
    if ms(at) < ms(last.called) + limit.ms - limit.slack_ms:
        expected = f"no idle end within {limit.ms} ms of the last item"
        after_ms = ms(at) - ms(last.called)
        got = f"{shown(said)} {after_ms:.0f} ms after {last.arg.rstrip(' .')} was sent, at most"
        return broken(last.records, said.records, expected=expected, got=got)
    if ms(last.called) < limit.made_before_ms + limit.ms:
        return unknown("no item came so late that only a reset explains it", at)
    return held(last.records, said.records)


_RECEIVES: Final = begun(9, "receive", "consumer")
_OVER: Final = (refused(9, "TIMED_OUT"), Failed("TIMED_OUT"))
_FIRST: Final = (send(0, 1), take(1, 0, 1))
_SECOND: Final = (send(2, 2), take(3, 1, 2))

DL_08 = Rule(
    id="DL-08",
    level=Level.SHOULD,
    sentence="The idle limit is not the deadline: items put it off, and it alone.",
    source="seed 003 'Add heartbeat messages' (what keeps a stream alive); seed 004's successor (an idle limit that "
    "every chunk resets, and a ceiling that none does)",
    why="A limit that counts from the beginning ends streams that are busy; one that items put off for ever ends none.",
    needs=("object|script", "feature:idle|feature:idle_ms"),
    check=both(items_put_off_the_idle_end_alone, items_put_the_end_off),
    good=(
        *PUT_OFF,
        timed(_FIRST, 800, _SECOND, 1_500, send(4, 3), take(5, 2, 3), _RECEIVES, 2_500, _OVER, idle_ms=1_000),
        # an item that nobody has received yet may or may not count
        timed(_FIRST, 800, send(2, 2), 1_000, _RECEIVES, _OVER, idle_ms=1_000),
        # the deadline came first
        timed(_FIRST, 800, _SECOND, _RECEIVES, 1_500, _OVER, idle_ms=1_000, deadline_ms=1_500),
    ),
    bad=(
        *NOT_PUT_OFF,
        timed(_FIRST, 800, _SECOND, _RECEIVES, 1_000, _OVER, idle_ms=1_000),
        timed(_FIRST, 6_000, _SECOND, idle_ms=7_000, deadline_ms=1_000),
    ),
)


def an_idle_end_is_shown(h: History) -> Iterator[Finding]:
    """Any terminal will do; which one a deadline needs is DL-01's."""
    for limit in idles(h):
        late = _still_waiting(h, limit)
        said = next(iter(answers(h, limit.session)), None)
        if said and said.ended:
            if ms(said.ended) >= limit.earliest_ms and not ended_otherwise(h, limit.session, said.ended):
                yield held(said.records)
            else:
                yield unknown("the stream was over before its idle limit, or for another reason", said.ended)
        elif late:
            yield late
        else:
            yield unknown("no consumer was seen waiting for an idle end")


def _still_waiting(h: History, limit: Limit) -> Finding | None:
    late = overdue(h, limit.session, limit.latest_ms, "receive", "iterate")
    if late is None or paused(h, limit.session) or ended_otherwise(h, limit.session, late[0]):
        return None
    settled, stuck = late
    idle_ms = ms(settled) - quiet_since_ms(h, limit.session, settled)
    if idle_ms < limit.ms + LATE_MS:
        return None
    got = f"its receive still waiting, {idle_ms:.0f} ms after the last sign of life"
    return broken(stuck[0].records, settled, expected=f"a terminal after {limit.ms} idle ms", got=got)


DL_09 = Rule(
    id="DL-09",
    level=Level.SHOULD,
    sentence="An end that an idle limit makes is shown with a terminal.",
    source="seed 003 (stream-end, with its reason); LC-14",
    why="A consumer that is not told waits on a stream that is over, and its producer has gone long ago.",
    needs=("object|script", "feature:idle|feature:idle_ms"),
    after=("DL-01",),
    check=both(an_idle_end_is_shown, idle_end_is_a_failure),
    good=(
        *SHOWN,
        timed(_FIRST, _RECEIVES, 1_000, _OVER, SETTLED, idle_ms=1_000),
        timed(_FIRST, _RECEIVES, 1_000, back(9, "end"), Completed(), idle_ms=1_000),
        # life goes on, or may: with threads nobody was waited for
        timed(_FIRST, _RECEIVES, 5_800, _SECOND, 6_000, SETTLED, idle_ms=1_000),
        timed(_FIRST, _RECEIVES, 6_000, Settled(exact=False), idle_ms=1_000, kind="threads"),
        # a pause may hold the end back
        timed(done(0, "pause"), _RECEIVES, 6_000, SETTLED, idle_ms=1_000),
    ),
    bad=(
        *HIDDEN,
        timed(_FIRST, _RECEIVES, 6_000, SETTLED, idle_ms=1_000),
        timed(_FIRST, _RECEIVES, 5_500, Settled(exact=False, late=("consumer",)), idle_ms=1_000, kind="threads"),
    ),
)
