"""BP on scripted servers: signs of life for a client that stands still are not kept until it reads again.

Never here: whether they come in time (HB), or an array, which has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Did, Elided, Heartbeat, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, account, chunked, head, item, told, written
from streamspec.harness.rules._accounts import did
from streamspec.harness.rules._scripted import parked, playing, streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

BEATS: Final = "script-beats-"
_DUE_LEAST: Final = 10  # heartbeats, before their number says anything
_SHARE: Final = 0.5  # of those that were due while nobody read


def coalesced(h: History) -> Iterator[Finding]:
    """What comes between the stall and the last item was under way, or waited, when the stall was over; reading takes
    its time as well, and what was due in it may come."""
    for session in streams(h, BEATS):
        began, over = did(h, session, "stall"), did(h, session, "resume")
        every_ms = h.options(session).get("heartbeat_ms", 0)
        after = [r for r in standing.items(h, session) if over and r.index > over.index]
        if not began or not over or not after or not isinstance(every_ms, int) or every_ms <= 0:
            yield unknown(standing.not_opened(h, session) or "no item came after the stall", over)
        elif not (waited := parked(h, session, over.t_ns)) or over.t_ns - waited[1].record.t_ns > _RECENT_NS:
            yield unknown("no send was seen to wait until the stall was over", over)
        elif any(isinstance(r.event, Elided) for r in h.of(Elided, session)):
            yield unknown("more came than we keep", over)
        else:
            due = (over.t_ns - began.t_ns) / 1e6 / every_ms
            reading = (after[-1].t_ns - over.t_ns) / 1e6 / every_ms
            yield _kept(h, session, (began, waited[1].record, over), due, reading, after[-1])


_RECENT_NS: Final = 1e9


def _kept(h: History, session: str, stall: tuple[Record, ...], due: float, reading: float, last: Record) -> Finding:
    beats = [r for r in h.of(Heartbeat, session) if stall[-1].index < r.index < last.index]
    if due < _DUE_LEAST:
        return unknown("the stall was too short", stall)
    if len(beats) - reading < _SHARE * due:
        return held(stall, last)
    got = f"{len(beats)} heartbeats among the items that waited, where {due:.0f} were due in the stall"
    return broken(stall, beats[0], beats[-1], last, expected="a few heartbeats at most", got=got)


def _stalled(*burst: Heartbeat | Item, waits: bool = True, every_ms: int = 100, binding: str = "sse") -> History:
    """By hand: two seconds of stall, and what was read after it, a millisecond apart."""
    opened = head() if binding == "sse" else chunked(binding)
    rows: list[Row] = [*told(f"{BEATS}1", ASK, opened, Did("stall"), start_ms=1)]
    for n, at_ms in enumerate(range(100, 2_001, 100)):
        seen = account(at_ms, sending=1, produced=60 + (0 if waits else n))
        rows.append((f"{BEATS}1", at_ms, seen))
    rows += told(f"{BEATS}1", Did("resume"), item(0), *burst, *CLOSE, start_ms=2_003)
    return playing(written(*rows, binding=binding), {"heartbeat_ms": every_ms})


_BEATS: Final = (Heartbeat(),) * 20

BP_19 = Rule(
    id="BP-19",
    level=Level.SHOULD,
    sentence="Heartbeats for a client that does not read are coalesced, and not queued.",
    source="practice; seed 003 'Add heartbeat messages'",
    why="They pile up for as long as nobody reads, and then tell of a life that is long past.",
    needs=("feature:heartbeat_ms", "told:sending", "told:sent"),
    on=("sse", "ndjson"),
    check=coalesced,
    good=(
        _stalled(item(1), item(2)),
        # one that was due when the stall began, and one when it was over
        _stalled(Heartbeat(), item(1), Heartbeat(), item(2), binding="ndjson"),
        # after the last item, in their own time
        _stalled(item(1), *_BEATS),
        # there was room all the time
        _stalled(*_BEATS, item(1), waits=False),
        # none was due
        _stalled(*_BEATS, item(1), every_ms=1_000),
    ),
    bad=(
        _stalled(*_BEATS, item(1)),
        _stalled(item(1), *_BEATS, item(2), binding="ndjson"),
    ),
)
