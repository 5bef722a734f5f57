"""LC-16: whether the target still serves after what a case did to it.

A pure function of a history, like every check; the looks that it reads are the runner's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.case import Control
from streamspec.harness.core.event import Closed, Did, Expired, Failed, Item, Meta, Opened, Record, Refused
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import AGAIN, CUT, LOOK, LOST
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, head, item, told, upgraded, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

FLEETING_MS: Final = 50.0
_OPEN: Final = (ASK, head(), item(0))


def served_again(h: History) -> Iterator[Finding]:
    """Judged on every case: the runner looks again after each. Two answers before are the control; one of three
    looks afterwards is enough, each within `recover_ms`."""
    looks = [s for s in h.sessions("look") if s.startswith(AGAIN)]
    start = h.first(Did, looks[0]) if looks else None
    if not start:
        return
    disturbance = _disturbance(h, start.index)
    if not disturbance:
        yield unknown("every stream was over, or refused, when we left it: nothing was disturbed")
        return
    before = [r for s in h.sessions() if (r := standing.opened(h, s)) and r.index < disturbance.index]
    if len(before) < 2:
        yield unknown("fewer than two answers before the disturbance")
        return
    control = _control(h, looks)
    if not control:
        yield unknown("no look was answered with a stream before the disturbance")
    elif again := next((r for s in looks if (r := standing.served_as(h, control, s))), None):
        silent = unknown("no item came before the disturbance: an answered head alone shows little", again)
        yield held(before[-2:], disturbance, again) if control.items else silent
    else:
        yield _not_served(h, looks, control, before[-1], disturbance)


def _not_served(h: History, looks: list[str], control: Control, before: Record, disturbance: Record) -> Finding:
    """Of looks afterwards of which none was answered as before."""
    if any(h.of(Expired, s) and not standing.expired(h, s) for s in looks):
        return unknown("this machine stood still meanwhile")
    if refusal := next((r for s in looks if (r := _refusal(h, s))), None):
        return unknown(f"{standing.not_opened(h, refusal.session)}: a refusal by policy", refusal)
    codes = [_broken_down(h, s) for s in looks]
    alike = any(standing.served_as(h, replace(control, items=False), s) for s in looks)
    if alike and not all(codes):
        return unknown("the look was answered as before, and no item came")
    if len(looks) < 3:
        return unknown("looked again too seldom")
    last = h.first((Opened, Refused, Expired), looks[-1]) or h.of(Did, looks[-1])[-1]
    got = f"refused with {codes[-1]}" if all(codes) else standing.not_opened(h, looks[-1])
    got = got or "an answer unlike the one before"
    return broken(before, disturbance, last, expected="the look answered as before", got=f"{got}, three times")


def _disturbance(h: History, before: int) -> Record | None:
    """The last act of ours (or failure of theirs) that a server must outlive."""
    for record in reversed(h.records[:before]):
        event = record.event
        if isinstance(event, Closed | Failed) and h.role(record.session) == "failing":
            return record
        if isinstance(event, Did):
            left = event.act in {"cancel:rst", "cancel:fin", "close"} and _was_live(h, record.session)
            torn = event.act.startswith((CUT, LOST)) and _was_asked(h, record.session)
            if left or torn or event.act == "ask:malformed":
                return record
    return None


def _was_live(h: History, session: str) -> bool:
    """Whether our end hit an open stream: leaving one that was over, or refused, disturbs nobody."""
    over = standing.whole(h, session) or standing.terminals(h, session)
    fleeting = h.role(session) == LOOK and any(_is_fleeting(h, s) for s in h.sessions(LOOK) if not s.startswith(AGAIN))
    return standing.opened(h, session) is not None and not over and not fleeting


def _was_asked(h: History, session: str) -> bool:
    """Whether the target had to do with what our proxy cut: its answer was not over, and a request may have come."""
    refused = h.first(Refused, session)
    if refused and isinstance(refused.event, Refused) and refused.event.why == "refused":
        return False
    return standing.opened(h, session) is None or _was_live(h, session)


def _is_fleeting(h: History, session: str) -> bool:
    """Whether this look shows a stream that is over as soon as it began: whether a cancel comes before its end is
    then chance, and a verdict must not be."""
    head, end = standing.opened(h, session), standing.whole(h, session)
    return head is not None and end is not None and (end.t_ns - head.t_ns) / 1e6 < FLEETING_MS


def _control(h: History, looks: list[str]) -> Control | None:
    """How this case's first look was answered, before anything disturbed the target. It must have been a stream: an
    item came, or the body stayed open. One page for every request is served again, and shows nothing."""
    for session in h.sessions("look"):
        record = standing.opened(h, session)
        if session in looks or not record or not standing.streams(h, session):
            continue
        if isinstance(record.event, Opened):
            return Control(record.event.status, record.event.essence, h.first(Item, session) is not None, 0.0)
    return None


# A server that says so has decided not to serve us: limits of rate or use, authorisation, "do not come back".
_POLICY: Final = frozenset({204, 401, 403, 404, 409, 410, 429})


def _refusal(h: History, session: str) -> Record | None:
    """An answer that refuses by policy; a 503 does when it says when to come back (RFC 9110 §10.2.3)."""
    record = h.first(Opened, session)
    if not record or not isinstance(record.event, Opened):
        return None
    waits = record.event.status == 503 and record.event.header("retry-after") is not None
    return record if waits or record.event.status in _POLICY else None


# Where a stream has no status of its own, by these names a server says that it cannot, and not that it will not.
_BROKEN_DOWN: Final = frozenset({"INTERNAL", "UNAVAILABLE", "UNKNOWN"})


def _broken_down(h: History, session: str) -> str:
    """By which of them it refused this stream in band; empty when it did not."""
    refused = standing.refusal(h, session)
    code = refused.event.code if refused and isinstance(refused.event, Failed) else ""
    return code if code in _BROKEN_DOWN else ""


_CONTROLS: Final = (*told("look-1", *_OPEN, *CLOSE), *told("look-2", *_OPEN, *CLOSE, start_ms=10))
_CANCELLED: Final = told("look-3", *_OPEN, *CANCEL, start_ms=20)
_UNSERVED: Final = (ASK, head(("Content-Type", "text/plain"), status=503), ENDED, EOF)
_ON_A_CONNECTION: Final = (ASK, upgraded(), Meta("start"), item(0))


def _refused_in_band(code: str) -> History:
    """Over WebSocket: two looks, a cancel, and three looks that are refused."""
    return written(
        *told("look-1", *_ON_A_CONNECTION, *CLOSE),
        *told("look-2", *_ON_A_CONNECTION, *CLOSE, start_ms=10),
        *told("look-3", *_ON_A_CONNECTION, *CANCEL, start_ms=20),
        *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, upgraded(), Failed(code), EOF, start_ms=40 * n)),
        binding="ws",
    )


LC_16 = Rule(
    id="LC-16",
    level=Level.MUST,
    sentence="The same request is served again after a cancel, a failure, a stall or a malformed request.",
    source="seed 000 'framework handles cleanup'; seed 004 cleanup",
    why="A server that loses a worker, a slot or itself to a client that leaves is brought down by closing tabs.",
    check=served_again,
    good=(
        written(*_CONTROLS, *_CANCELLED, *told(f"{AGAIN}1", *_OPEN, *CLOSE, start_ms=40)),
        # a stream that is over at once: whether the cancel came before its end is chance
        written(
            *told("look-1", *_OPEN, ENDED, EOF),
            *told("look-2", *_OPEN, *CANCEL, start_ms=10),
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", *_UNSERVED, start_ms=40 * n)),
        ),
        # refused by policy
        written(
            *_CONTROLS,
            *_CANCELLED,
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, head(status=410), EOF, start_ms=40 * n)),
        ),
        # our proxy was down: nothing came to the target, whatever it does later
        written(
            *told("look-1", *_OPEN, ENDED, EOF),
            *told("look-2", *_OPEN, ENDED, EOF, start_ms=10),
            *told("look-3", ASK, Did(f"{CUT}down"), Refused("refused"), start_ms=20),
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", *_UNSERVED, start_ms=40 * n)),
        ),
        # back within its budget, at the second look
        written(
            *_CONTROLS,
            *_CANCELLED,
            *told(f"{AGAIN}1", *_UNSERVED, start_ms=40),
            *told(f"{AGAIN}2", *_OPEN, *CLOSE, start_ms=80),
        ),
        # refused by policy, where a stream has no status
        _refused_in_band("RESOURCE_EXHAUSTED"),
    ),
    bad=(
        _refused_in_band("UNAVAILABLE"),
        written(
            *_CONTROLS,
            *_CANCELLED,
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", *_UNSERVED, start_ms=40 * n)),
        ),
        # before its head was there, our proxy tore the connection
        written(
            *_CONTROLS,
            *told("look-3", ASK, Did(f"{CUT}reset_peer"), Refused("reset"), start_ms=20),
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", *_UNSERVED, start_ms=40 * n)),
        ),
        written(
            *_CONTROLS,
            *told("look-3", Did("ask:malformed"), Refused("closed"), start_ms=20),
            *(row for n in (1, 2, 3) for row in told(f"{AGAIN}{n}", ASK, Refused("refused"), start_ms=40 * n)),
        ),
    ),
)
