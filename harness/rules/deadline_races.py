"""DL: when a deadline fires: never early, also while a send is blocked, and beside a completion.

Early is exact; late counts only long after. Never here: an expectation who wins a race, or that both sides agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.event import Completed, Failed, Settled
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import SETTLED, back, begun, done, end, fail, refused, sends, waiting
from streamspec.harness.rules._scripted_deadlines import EARLY, NOT_EARLY, deadline_is_not_early
from streamspec.harness.rules._scripted_ends import both
from streamspec.harness.rules._scripted_races import (
    DECIDED,
    LET_GO,
    STILL_BLOCKED,
    UNDECIDED,
    blocked_send_is_let_go,
    one_outcome_each,
)
from streamspec.harness.rules._times import (
    Limit,
    answers,
    deadlines,
    ended_otherwise,
    idles,
    ms,
    overdue,
    paused,
    shown,
    timed,
    timed_out,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.calls import Span
    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History

_RACERS: Final = frozenset({"send", "receive", "complete", "iterate", "observe", "listen", "drop"})


def never_early(h: History) -> Iterator[Finding]:
    """An idle limit is reported with the same words: where there are both, the nearer counts."""
    nearest: dict[str, Limit] = {}
    for limit in (*deadlines(h), *idles(h)):
        other = nearest.get(limit.session, limit)
        nearest[limit.session] = limit if limit.earliest_ms < other.earliest_ms else other
    for session, limit in nearest.items():
        said = next((span for span in answers(h, session) if timed_out(span)), None)
        if not said or not said.ended:
            yield unknown("no consumer was told that the time is up")
        elif calls.spans(h, session, "error", "produce", "feed"):
            yield unknown("who produces may end a stream with any error, also with that of a late send", said.ended)
        elif ms(said.ended) < limit.earliest_ms:
            got = f"{shown(said)} {ms(said.ended) - limit.made_after_ms:.0f} ms after its making, at most"
            yield broken(said.records, expected=f"no {shown(said)} before {limit.ms} ms have passed", got=got)
        else:
            yield held(said.records)


_WAITS: Final = begun(0, "receive", "consumer")
_TOLD: Final = (refused(0, "TIMED_OUT"), Failed("TIMED_OUT"))

DL_04 = Rule(
    id="DL-04",
    level=Level.MUST,
    sentence="A deadline that has not passed is never reported (to within 10 ms, or one in a hundred).",
    source="gRPC statuscodes.md DEADLINE_EXCEEDED (the deadline expired before the operation could complete)",
    why="A stream that ends before its time throws away answers that were on their way.",
    needs=("object|script", "feature:deadline|feature:deadline_ms"),
    check=both(never_early, deadline_is_not_early),
    good=(
        *NOT_EARLY,
        timed(_WAITS, 1_990, _TOLD, deadline_ms=2_000),
        timed(_WAITS, 9_910, _TOLD, deadline_ms=10_000),
        # the idle limit had passed
        timed(_WAITS, 1_000, _TOLD, deadline_ms=9_000, idle_ms=1_000),
        # the script's own error
        timed(_WAITS, done(1, "error", arg="TIMED_OUT"), _TOLD, deadline_ms=9_000),
    ),
    bad=(
        *EARLY,
        timed(_WAITS, 980, _TOLD, deadline_ms=1_000),
        timed(_WAITS, 800, refused(0, "", "TimeoutError"), Failed("TimeoutError"), deadline_ms=1_000),
    ),
)


def fires_while_a_send_is_blocked(h: History) -> Iterator[Finding]:
    for limit in deadlines(h):
        before = [settled for settled in calls.settlings(h, limit.session) if ms(settled) < limit.earliest_ms]
        blocked = [span for span in calls.spans(h, limit.session, "send") if any(map(span.open_at, before))]
        freed = next((span for span in blocked if span.raised is not None and not calls.dropped(span)), None)
        late = overdue(h, limit.session, limit.latest_ms, "send")
        if late and not ended_otherwise(h, limit.session, late[0]) and not paused(h, limit.session):
            yield _still_blocked(h, limit, *late)
        elif freed and freed.ended and _by_the_deadline(h, limit, freed.ended):
            yield held(freed.records)
        elif blocked:
            yield unknown("the blocked send ended otherwise", [span.called for span in blocked])
        else:
            yield unknown("no send was seen blocked when a deadline passed")


def _still_blocked(h: History, limit: Limit, settled: Record, stuck: tuple[Span, ...]) -> Finding:
    """Some send must have succeeded: an object whose sends never come back says nothing about deadlines."""
    if not calls.sent(h, limit.session):
        return unknown("no send ever came back", settled)
    expected = f"the blocked send of {stuck[0].arg.rstrip(' .')} raises"
    return broken(stuck[0].records, settled, expected=expected, got=f"still blocked {limit.after(settled)}")


def _by_the_deadline(h: History, limit: Limit, at: Record) -> bool:
    """Whether it was the deadline that ended a send here: it had passed, and there was no other reason."""
    own_timeout = calls.option(h, limit.session, "send_timeout_ms") is not None
    return ms(at) >= limit.earliest_ms and not own_timeout and not ended_otherwise(h, limit.session, at)


_FULL: Final = (sends(0, 1, 1), waiting(1, 2))

DL_05 = Rule(
    id="DL-05",
    level=Level.MUST,
    sentence="The deadline also ends a send that is blocked because the stream is full.",
    source="contract 2 and 3 (design 1); seed 000 'Blocking'; seed 001 'Flow Control' (wait for room, or for the end)",
    why="A slow consumer and a deadline come together: a producer that is stuck then is stuck for ever.",
    needs=("object|script", "feature:deadline|feature:deadline_ms"),
    after=("DL-01",),
    check=both(fires_while_a_send_is_blocked, blocked_send_is_let_go),
    good=(
        *LET_GO,
        timed(_FULL, SETTLED, 1_000, refused(1, "CANCELLED"), SETTLED, deadline_ms=1_000),
        timed(_FULL, Settled(exact=False), 1_000, refused(1, "UNAVAILABLE"), deadline_ms=1_000, kind="threads"),
        # with threads it may only be slow to say so
        timed(_FULL, SETTLED, 9_000, Settled(exact=False), deadline_ms=1_000, kind="threads"),
        # freed by a receive, dropped, or refused by a timeout of its own
        timed(_FULL, SETTLED, 900, _WAITS, back(1), deadline_ms=1_000),
        timed(_FULL, SETTLED, 1_000, refused(1, "", "CancelledError"), deadline_ms=1_000),
        timed(_FULL, SETTLED, 1_000, refused(1, "TIMED_OUT"), deadline_ms=1_000, send_timeout_ms=900),
        # nothing ever came back: that is another rule's
        timed(waiting(0, 1), SETTLED, 6_000, SETTLED, deadline_ms=1_000),
    ),
    bad=(
        *STILL_BLOCKED,
        timed(_FULL, SETTLED, 6_000, SETTLED, deadline_ms=1_000),
        timed(_FULL, 5_500, Settled(exact=False, late=("producer",)), deadline_ms=1_000, kind="threads"),
    ),
)


def one_outcome_for_each_side(h: History) -> Iterator[Finding]:
    for limit in deadlines(h):
        if {span.op for span in calls.spans(h, limit.session)} <= _RACERS:
            found = tuple(_consumers_side(h, limit)) or tuple(_producers_side(h, limit))
            yield from found or _raced(h, limit)


def _outcomes(h: History, session: str) -> dict[str, Span]:
    """What consumers were told, each with the first that was: the time, or the end. What else they may be told when
    they ask again is not an outcome."""
    found: dict[str, Span] = {}
    for span in answers(h, session):
        if span.value == calls.END:
            found.setdefault("the end", span)
        elif timed_out(span):
            found.setdefault(shown(span), span)
    return found


def _consumers_side(h: History, limit: Limit) -> Iterator[Finding]:
    found = _outcomes(h, limit.session)
    if "the end" in found and len(found) > 1:
        told = [span.records for span in found.values()]
        yield broken(told, expected="one outcome for the consumer", got=" and then ".join(found))
    late = overdue(h, limit.session, limit.latest_ms, "receive", "iterate")
    if late and _ended_or_refused(h, limit, late[0]):
        got = f"none, still waiting {limit.after(late[0])}"
        yield broken(late[1][0].records, late[0], expected="one outcome for the consumer", got=got)


def _producers_side(h: History, limit: Limit) -> Iterator[Finding]:
    """A `complete` that waits until all is received must not outlive the deadline either."""
    late = overdue(h, limit.session, limit.latest_ms, "complete", "send")
    if late and calls.first_call(h, limit.session, "complete") and not paused(h, limit.session):
        stuck = late[1][0]
        got = f"none, its {stuck.op} still open {limit.after(late[0])}"
        yield broken(stuck.records, late[0], expected="one outcome for the producer", got=got)


def _ended_or_refused(h: History, limit: Limit, settled: Record) -> bool:
    """Whether a completion had been tried, so that one or the other must have ended the stream by now."""
    tried = any(span.ended_before(settled) for span in calls.spans(h, limit.session, "complete"))
    return tried and not paused(h, limit.session)


def _raced(h: History, limit: Limit) -> Iterator[Finding]:
    """Held where the completion was begun close to the deadline, and the consumer had its one outcome."""
    completion = calls.first_call(h, limit.session, "complete")
    close = completion and (
        limit.earliest_ms <= ms(completion.called) <= limit.made_before_ms + limit.ms + limit.slack_ms
    )
    outcome = next(iter(_outcomes(h, limit.session).values()), None)
    if completion and close and outcome and not completion.open:
        yield held(completion.records, outcome.records)
    else:
        yield unknown("no completion was begun at about the time of a deadline, and then shown to the consumer or not")


_LATE: Final = (SETTLED, 6_000, SETTLED)

DL_06 = Rule(
    id="DL-06",
    level=Level.MUST,
    sentence="A deadline that races a completion gives each side one outcome; the two need not agree.",
    source="gRPC core concepts 'RPC termination' (independent, local determinations); Reactive Streams §1.7",
    why="A consumer that is told both acts on both: it shows a result and reports that there was none.",
    needs=("object|script", "feature:deadline|feature:deadline_ms", "feature:complete"),
    after=("DL-01",),
    check=both(one_outcome_for_each_side, one_outcome_each),
    good=(
        *DECIDED,
        timed(_WAITS, 1_000, done(1, "complete"), _TOLD, fail(2, "TIMED_OUT", first=False), deadline_ms=1_000),
        timed(_WAITS, 999, done(1, "complete"), back(0, "end"), Completed(), end(2, first=False), deadline_ms=1_000),
        # what is told to those who ask again is not an outcome
        timed(_WAITS, 1_000, done(1, "complete"), _TOLD, fail(2, "UNAVAILABLE", first=False), deadline_ms=1_000),
        # the producer's completion succeeded, and the consumer was told the time
        timed(sends(0, 1, 1), 995, done(1, "complete"), 1_000, fail(2, "TIMED_OUT"), deadline_ms=1_000),
        # a pause holds the end back
        timed(done(0, "pause"), begun(1, "receive", "consumer"), done(2, "complete"), 6_000, SETTLED,
              deadline_ms=1_000),
    ),
    bad=(
        *UNDECIDED,
        timed(_WAITS, 1_000, _TOLD, done(1, "complete"), end(2), deadline_ms=1_000),
        timed(_WAITS, 999, done(1, "complete"), back(0, "end"), Completed(), fail(2, "TIMED_OUT"), deadline_ms=1_000),
        timed(_WAITS, 1_000, done(1, "complete"), *_LATE, deadline_ms=1_000),
        timed(sends(0, 1, 1), begun(1, "complete"), *_LATE, deadline_ms=1_000),
    ),
)  # fmt: skip
