"""DL on scripted servers: a deadline that passes while a send is blocked, one beside a completion, and one that has
passed when the request comes.

Never here: a rule (those are in `deadlines` and `deadline_races`), or an expectation who wins a race.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Completed, Did, Failed, Opened, Told
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, account, head, item, told
from streamspec.harness.rules._accounts import every_time, stood_still_ourselves
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_times import (
    Limit,
    end_of,
    given,
    limits,
    outcomes,
    still_open,
    unopened,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

STUCK: Final = "script-stuck"  # nobody reads it, and its deadline passes
STAYS: Final = "script-stays-stuck"  # the same without a deadline
RACE: Final = "script-race"  # its deadline and its completion come together
ALONE: Final = "script-alone"  # the same without a deadline
PAST: Final = "script-past"  # its time is up when it is asked for
CALLED: Final = "script-called"  # the same with enough time
TRIALS: Final = 30
_OPTION: Final = "deadline_ms"


# -- while a send is blocked -------------------------------------------------------------------------------------------


def blocked_send_is_let_go(h: History) -> Iterator[Finding]:
    """The control is blocked for as long: else the target was not held up, or lets go of those who do not read."""
    found = limits(h, STUCK, _OPTION)
    yield from unopened(h, STUCK, STAYS)
    if not found:
        return
    if any(_blocked(h, session) for session in streams(h, STAYS)):
        yield from every_time([_is_let_go(h, limit) for limit in found], "a blocked send was let go late")
    else:
        yield unknown("without a deadline no send was seen blocked for as long as nobody read")


def _blocked(h: History, session: str) -> bool:
    """Whether its handler was inside one send to the very end of the stall."""
    sending, sent = (accounts.of_this(h, session, name) for name in ("sending", "sent"))
    over = any(f.value for f in accounts.of_this(h, session, "ended"))
    still = accounts.standing_still(sent)
    return bool(sending and sending[-1].value and len(still) > 1 and not over)


def _is_let_go(h: History, limit: Limit) -> Finding:
    sending, sent, over = (accounts.of_this(h, limit.session, name) for name in ("sending", "sent", "ended"))
    before = accounts.standing_still([f for f in sent if f.record.t_ns < limit.earliest_ns])
    inside = [f for f in sending if f.record.t_ns < limit.earliest_ns]
    if len(before) < 2 or not inside or not inside[-1].value:
        return unknown("no send was seen blocked when its deadline passed")
    free = _first(over, 1, limit.earliest_ns) or _first(sending, 0, limit.earliest_ns)
    late = [f for f in sending if f.asked_ns >= limit.latest_ns]
    if free and free.asked_ns < limit.latest_ns:
        return held(limit.head, inside[-1].record, free.record)
    if not late or stood_still_ourselves(h, inside[-1].record, late[0].record):
        return unknown("it was not watched for long enough after its deadline")
    got = f"still blocked {limit.after(late[0].asked_ns)}"
    return broken(inside[-1].record, late[0].record, expected="the blocked send is let go, and raises", got=got)


def _first(found: Sequence[Figure], value: int, from_ns: float) -> Figure | None:
    return next((f for f in found if bool(f.value) is bool(value) and f.record.t_ns >= from_ns), None)


# -- beside a completion -----------------------------------------------------------------------------------------------


def one_outcome_each(h: History) -> Iterator[Finding]:
    """The client's by what it was shown, the handler's by how often it says that it ended its stream, where it counts
    that alike when there is no deadline."""
    found = limits(h, RACE, _OPTION)
    yield from unopened(h, RACE)
    once = [f[-1].value for s in streams(h, ALONE) if (f := accounts.of_this(h, s, "terminals"))] == [1]
    seen: dict[str, Record] = {}
    trials = 0
    for limit in found:
        shown, end = outcomes(h, limit.session), end_of(h, limit.session)
        ended = accounts.of_this(h, limit.session, "terminals")
        if len(shown) > 1:
            told_ = " and then ".join(shown)
            yield broken(list(shown.values()), expected="one outcome for the client", got=told_)
        elif once and ended and ended[-1].value > 1:
            got = f"{ended[-1].value} of them"
            yield broken(limit.head, ended[-1].record, expected="one outcome for the handler", got=got)
        elif end and end.how != "unclear":
            trials += 1
            seen.setdefault(end.how, end.record)
    yield from _none(h, found)
    if trials >= TRIALS and len(seen) > 1:
        yield held(list(seen.values()))
    elif found:
        yield unknown(f"{trials} of {len(found)} races were decided, {' and '.join(seen) or 'none'}: no close ones")


def _none(h: History, found: Sequence[Limit]) -> Iterator[Finding]:
    """Late counts three times, as ever."""
    late = [(limit, record) for limit in found if (record := still_open(h, limit))]
    yield from every_time(
        [
            broken(limit.head, at, expected="one outcome for the client", got=f"none {limit.after(at.t_ns)}")
            for limit, at in late
        ],
        "a race was decided late",
    )


# -- when it has passed before -----------------------------------------------------------------------------------------


def no_handler_for_the_late(h: History) -> Iterator[Finding]:
    """Whoever counts calls counts one for the same request with enough time."""
    counts = any(f.value for session in streams(h, CALLED) for f in accounts.of_this(h, session, "called"))
    for session in streams(h, PAST):
        answer = h.first(Opened, session)
        seen = accounts.of_this(h, session, "called")
        if not answer:
            yield unknown(standing.not_opened(h, session))
        elif not counts:
            yield unknown("with enough time no call was counted either", answer)
        elif seen and seen[-1].value:
            yield broken(
                answer, seen[-1].record, expected="no handler is called once the time is up", got="it was called"
            )
        elif seen or _never_begun(h, session):
            yield held(answer, seen[-1].record if seen else None)
        else:
            yield unknown("its witness said nothing", answer)


def _never_begun(h: History, session: str) -> bool:
    """A witness knows nothing of a run that nobody has begun: 404."""
    told_ = (r.event.values.get(accounts.PROBLEM, "") for r in h.of(Told, session) if isinstance(r.event, Told))
    return any("answered 404" in str(problem) for problem in told_)


# -- histories written by hand -----------------------------------------------------------------------------------------

_LIMITS: Final = {STUCK: {_OPTION: 1_500}, RACE: {_OPTION: 150}, PAST: {_OPTION: 0}}


def _stalled(session: str, start_ms: int, free_ms: int, until_ms: int, blocked_ms: int) -> Iterator[Row]:
    yield from told(session, ASK, head(), item(0), Did("stall"), start_ms=start_ms)
    for n, after_ms in enumerate(range(100, until_ms, 100)):
        at_ms = float(start_ms + after_ms)
        free = bool(free_ms and after_ms >= free_ms)
        sent = min(n, blocked_ms // 100)
        figures = {"sending": int(not free), "sent": sent, "ended": int(free)}
        yield session, at_ms + 1, account(at_ms, **figures)
        if free:
            return


def stuck(*free_ms: int, until_ms: int = 5_500, blocked_ms: int = 500, control_ms: int = 0) -> History:
    """By hand: streams that nobody reads, whose handler is free so long after it was called (0: never)."""
    rows: list[Row] = [*_stalled(STAYS, 0, control_ms, until_ms, blocked_ms)]
    for n, after_ms in enumerate(free_ms, 1):
        rows += _stalled(f"{STUCK}-{n}", 10_000 * n, after_ms, until_ms, blocked_ms)
    return given(*rows, options=_LIMITS)


LET_GO: Final = (
    stuck(1_600, 1_600, 1_600),
    # once in time
    stuck(0, 0, 1_600),
    # who does not read is left alone anyhow; nobody was held up; not watched for long enough
    stuck(0, 0, 0, control_ms=3_000),
    stuck(0, 0, 0, blocked_ms=9_000),
    stuck(0, 0, 0, until_ms=3_000),
)
STILL_BLOCKED: Final = (stuck(0, 0, 0),)
_WON: Final = (Completed(), ENDED, EOF)
_LOST: Final = (Failed("TIMED_OUT"), ENDED, EOF)


def raced(*odd: tuple[tuple[Event, ...], int], won: int = 15, lost: int = 15) -> History:
    """By hand: races that are won and lost, and odd ones, each with what its handler counted."""
    each = [(_WON, 1)] * won + [(_LOST, 1)] * lost + list(odd)
    rows: list[Row] = [*told(ALONE, ASK, head(), item(0), *_WON, account(9, terminals=1))]
    for n, (events, ends) in enumerate(each, 1):
        start_ms = 1_000.0 * n
        rows += told(f"{RACE}-{n}", ASK, head(), item(0), start_ms=start_ms)
        rows += told(f"{RACE}-{n}", *events, start_ms=start_ms + 150)
        rows += told(f"{RACE}-{n}", account(start_ms + 160, terminals=ends), start_ms=start_ms + 161)
    return given(*rows, options=_LIMITS)


DECIDED: Final = (
    raced(),
    # a cut is one outcome, too; a handler that was only stopped did not end its stream
    raced(((EOF,), 0)),
    # always the same one: there was no race
    raced(lost=0),
)
UNDECIDED: Final = (
    raced(((Failed("TIMED_OUT"), *_WON), 1)),
    raced(((Completed(), *_LOST), 1)),
    raced((_WON, 2)),
)


def past(answer: Event, *events: Event, called: int = 1) -> History:
    """By hand: a request that comes too late, and its control."""
    return given(
        *told(CALLED, ASK, head(), item(0), account(3, called=called), *CLOSE),
        *told(PAST, ASK, answer, *events, start_ms=100),
        options=_LIMITS,
    )


NOT_CALLED: Final = (
    past(head(), *_LOST, account(110, called=0)),
    past(head(status=504), ENDED, EOF, Told(110_000_000, {accounts.PROBLEM: "http://h/witness answered 404"})),
    # nobody knows
    past(head(status=504), ENDED, EOF),
    past(head(), item(0), account(110, called=1), called=0),
)
CALLED_TOO_LATE: Final = (past(head(), item(0), account(110, called=1), *CLOSE),)
