"""LC: what becomes of open streams when their server is asked to end.

Never here: what becomes of the process (`resources` and `leaks` look at it while it lives).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Did, Ended, Expired, Failed, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written
from streamspec.harness.rules._wire import ROOTS, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

ROUNDS: Final = 3  # streams: one that is late alone may have been forgotten by this machine


def shutdown_ends_streams(h: History) -> Iterator[Finding]:
    """An endless stream has no success of its own: whatever says so when the server ends says something wrong."""
    stop = next((r for r in h.of(Did) if isinstance(r.event, Did) and r.event.act == "stop"), None)
    late: list[Record] = []
    sessions = h.sessions("endless")
    for session in sessions:
        ends = standing.theirs(h, (Completed, Failed, Ended, Closed), session)
        before = [r for r in ends if stop and r.index < stop.index]
        still = next(iter(standing.expired(h, session, "grace_ms")), None)
        if reason := why_unlike(h, session):
            yield unknown(reason)
        elif not stop or before:
            yield unknown("it ended before the target was asked to end" if before else "nobody asked the target to end")
        elif ends:
            yield _ending(h, stop, ends)
        elif still:
            late.append(still)
        else:
            yield unknown("whether it ended was not seen")
    if stop and late and len(late) == len(sessions) >= ROUNDS:
        waited_s = min(r.event.after_ms for r in late if isinstance(r.event, Expired)) / 1e3
        got = f"{len(late)} streams still open {waited_s:g} s after the signal"
        yield broken(stop, late, expected="an end within the declared grace", got=got)
    elif late:
        yield unknown(f"{len(late)} of {len(sessions)} streams were still open after the grace", late)


def _ending(h: History, stop: Record, ends: tuple[Record, ...]) -> Finding:
    completed = next((r for r in ends if isinstance(r.event, Completed)), None)
    clean = isinstance(ends[0].event, Ended)  # of the message, without a word inside
    if completed:
        wanted = "a cut, or UNAVAILABLE (going away)"
        return broken(stop, completed, expected=wanted, got="success, of a stream that never completes")
    if clean and not h.header.declared.get("profile.terminal") and h.header.binding != "sse":
        return unknown("a clean end: in this dialect nobody can tell it from success", ends[0])
    return held(stop, ends[0])  # a client of SSE without a terminal comes back after every end


_STOP: Final = Did("stop")
_OPEN: Final = (ASK, head(), item(0))
_DECLARED: Final = {"profile.terminal": True, "profile.error_channel": True}
_GOES_ON: Final = (item(1), Expired("grace_ms", 4_000), *CLOSE)


def _stopped(*events: Event, binding: str = "sse", terminal: bool = True) -> History:
    opened = (ASK, chunked(binding), item(0))
    declared = _DECLARED if terminal else {}
    return written(*told("endless", *opened, _STOP, *events), declared=declared, binding=binding)


def _each(*streams: tuple[Event, ...]) -> History:
    """Several streams are open when the first of them stops the target."""
    opened = (row for n in range(1, len(streams) + 1) for row in told(f"endless-{n}", *_OPEN, start_ms=10 * n))
    ended = (row for n, events in enumerate(streams, 1) for row in told(f"endless-{n}", *events, start_ms=4_000))
    return written(*opened, ("endless-1", 100, _STOP), *ended, declared=_DECLARED)


LC_15 = Rule(
    id="LC-15",
    level=Level.SHOULD,
    sentence="A server that is asked to end ends its open streams within the declared grace, and not as if they were "
    "complete.",
    source="gRPC status codes, UNAVAILABLE; RFC 9112 §8",
    why="At every deployment clients take half a stream for a whole one, or hang until somebody pulls the plug.",
    needs=("role:endless", "process:spawn", "process:grace"),
    after=ROOTS,
    check=shutdown_ends_streams,
    good=(
        _stopped(item(1), Failed("UNAVAILABLE"), ENDED, EOF),
        _stopped(EOF),
        _stopped(RESET),
        _stopped(Failed("UNAVAILABLE"), ENDED, EOF, binding="ndjson"),
        # a whole message without the word for success: whoever waits for that knows that it was cut
        _stopped(ENDED, EOF),
        _stopped(ENDED, EOF, terminal=False),
        _stopped(ENDED, EOF, binding="ndjson", terminal=False),
        # over before; late but for one
        written(*told("endless", *_OPEN, Completed(), ENDED, EOF, _STOP), declared=_DECLARED),
        _each(_GOES_ON, _GOES_ON, (EOF,)),
        _stopped(*_GOES_ON),
    ),
    bad=(
        _stopped(item(1), Completed(), ENDED, EOF),
        _stopped(Completed(), ENDED, EOF, binding="ndjson"),
        _stopped(Completed(), ENDED, EOF, binding="json_array"),
        _each(_GOES_ON, _GOES_ON, _GOES_ON),
    ),
)
