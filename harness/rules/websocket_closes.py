"""WS: Close frames: that ours is answered with one, and what a server's own say (RFC 6455 §5.5.1, §7.4).

We send 1000 only, since some echo what they get. Never here: how soon they come (`websocket_pings`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Did, Failed, Farewell, Pong
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, ENDED, RESET, head, item, told
from streamspec.harness.core.written import CLOSE as CLOSED
from streamspec.harness.rules._carriers import (
    CLOSE,
    EOF,
    PONG,
    WS,
    after,
    blameless,
    carried,
    connections,
    each_time,
    on_link,
    over,
    silent,
    switched,
    their_end,
    waited,
    why_not,
    writes,
    wrote,
)
from streamspec.harness.rules._wire import deviations, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

# RFC 6455 §7.4.1: what the other side did wrong; 1010 is a client's own. 1008 is for whatever has no better code.
_BLAMES: Final = {
    1002: "a protocol error",
    1003: "data of a kind that is not taken",
    1007: "data that is not of its message's type",
    1009: "a message that is too big",
    1010: "an extension that is missing",
}
_DONE: Final = 1000
_IN_CLOSE: Final = ("ws.close-length", "ws.close-code", "ws.close-utf8", "ws.after-close")
_WANTED: Final = "a Close frame as in RFC 6455 §5.5.1, and nothing behind it"
_ECHOED: Final = f"write:{CLOSE}-"  # a Close of ours with something else in it, which some echo


def close_is_answered(h: History) -> Iterator[Finding]:
    """That a Close is missing is broken only where a Pong showed that somebody reads, and the connection stayed, three
    times out of three. A connection that is closed without a Close is WS-16's."""
    found = []
    for session in connections(h):
        if not switched(h, session):
            yield unknown(why_not(h, session))
        elif bad := () if _echoes(h, session) else deviations(h, session, *_IN_CLOSE):
            yield broken(bad[:3], expected=_WANTED, got=worded(bad[0]))
        elif closes := wrote(h, session, CLOSE):
            found.append(_close(h, session, closes[0]))
    yield from each_time(found, "a Close was not answered")
    if not found:
        yield unknown("we sent no Close")


def _close(h: History, session: str, close: Record) -> Finding:
    if answer := next(iter(after(standing.theirs(h, Farewell, session), close)), None):
        return held(close, answer)
    if end := their_end(h, session, close):
        return unknown("the connection was closed without a Close in answer", end)
    pongs = [r for r in on_link(h, Pong, session) if r.index < close.index]
    ran_out = silent(h, session, close)
    if not pongs or not ran_out:
        return unknown("nothing shows that anybody reads what we say, or we left at once", close)
    got = f"none, {(ran_out.t_ns - close.t_ns) / 1e9:.1f} s later, of who answered a Ping before"
    return broken(pongs[-1], close, ran_out, expected="a Close in answer to ours", got=got)


def _echoes(h: History, session: str) -> bool:
    return any(isinstance(r.event, Did) and r.event.act.startswith(_ECHOED) for r in h.of(Did, session))


_OPEN: Final = (ASK, WS, item(0))
_PONGED: Final = (*_OPEN, Did("ping"), PONG)
_OUR_CLOSE: Final = writes(CLOSE)


def _rounds(*rounds: tuple[Event, ...], role: str = "look") -> History:
    """The same of several connections, one after the other."""
    sessions = enumerate(rounds, 1)
    return carried(*(row for n, events in sessions for row in told(f"{role}-{n}", *events, start_ms=9_000.0 * n)))


_UNANSWERED: Final = (*_PONGED, _OUR_CLOSE, waited(), *CLOSED)

WS_13 = Rule(
    id="WS-13",
    level=Level.MUST,
    sentence="A Close is answered with a Close; nothing follows it, and its code is one that may be sent.",
    source="RFC 6455 §5.5.1, §7.4.1",
    why="A client waits for the answer before it closes, and takes what is wrong in it for a broken connection.",
    on=("ws",),
    check=close_is_answered,
    good=(
        _rounds((*_OPEN, _OUR_CLOSE, *over())),
        # what was on its way comes before the answer, which has no code
        _rounds((*_OPEN, _OUR_CLOSE, item(1), Farewell(), EOF)),
        # a handler that only sends, and one that just closes
        _rounds(*((*_OPEN, _OUR_CLOSE, waited(), *CLOSED),) * 3),
        _rounds(*((*_PONGED, _OUR_CLOSE, EOF),) * 3),
        _rounds(*((*_PONGED, _OUR_CLOSE, RESET),) * 3),
        # late twice, in time once
        _rounds(_UNANSWERED, _UNANSWERED, (*_PONGED, _OUR_CLOSE, *over())),
        # some echo what they get: a 1005 of ours
        _rounds((*_OPEN, writes(f"{CLOSE}-1005"), Deviation("ws.close-code", 90, "1005"), Farewell(1005), EOF)),
        # its own, in order
        _rounds((*_OPEN, *over())),
        _rounds((ASK, head(status=403), ENDED, EOF)),
    ),
    bad=(
        _rounds(_UNANSWERED, _UNANSWERED, _UNANSWERED),
        *(_rounds((*_OPEN, _OUR_CLOSE, Deviation(code, 90), Farewell(), EOF)) for code in _IN_CLOSE),
        _rounds((*_OPEN, Deviation("ws.close-code", 90, "1006"), Farewell(1006), EOF)),
    ),
)


def close_codes_fit(h: History) -> Iterator[Finding]:
    """A Close without a code and a plain end of the connection are legal, and so is 1011 when a handler returns. A code
    that blames us fits only where we did something; 1000 says that all is done."""
    for session in connections(h):
        if not switched(h, session):
            yield unknown(why_not(h, session))
            continue
        seen = next(iter(standing.theirs(h, Farewell, session)), None)
        if not seen or not isinstance(seen.event, Farewell) or seen.event.code < 0:
            yield unknown("no Close with a code came")
            continue
        code = seen.event.code
        failed = h.role(session) == "failing" and not standing.terminals(h, session)
        if code in _BLAMES and blameless(h, session, seen):
            wanted = "a code that blames a client only for what it did"
            yield broken(seen, expected=wanted, got=f"{code} ({_BLAMES[code]}), where all that we said was in order")
        elif code == _DONE and failed and not wrote(h, session):
            yield broken(seen, expected="1011, or no code, behind a failure", got="1000, as when all is done")
        else:
            yield held(seen)


WS_06 = Rule(
    id="WS-06",
    level=Level.SHOULD,
    sentence="A Close code, where one is sent, fits: 1000 done, 1001 going away, 1011 failed, 1013 overloaded.",
    source="RFC 6455 §7.4.1; IANA registry of WebSocket close codes",
    why="Clients come back after 1001, 1011 and 1013, not after 1000, and look for their own mistake after 1002.",
    after=("LC-07", "WS-13"),
    on=("ws",),
    check=close_codes_fit,
    good=(
        _rounds((*_OPEN, *over())),
        *(_rounds((*_OPEN, Farewell(code), EOF)) for code in (-1, 1001, 1008, 1011, 1012, 1013, 4000)),
        # a handler that returns: one stack sends 1011, and a plain end is legal
        _rounds((*_OPEN, Completed(), Farewell(1011), EOF), role="finite"),
        _rounds((*_OPEN, EOF), role="failing"),
        # we did something
        _rounds((*_OPEN, writes("ws-unmasked"), Farewell(1002), EOF)),
        _rounds((*_OPEN, _OUR_CLOSE, Farewell(1000), EOF), role="failing"),
        # it failed, said so, and is done
        _rounds((*_OPEN, Failed("INTERNAL"), Farewell(1000), EOF), role="failing"),
    ),
    bad=(
        *(_rounds((*_OPEN, Farewell(code), EOF)) for code in _BLAMES),
        _rounds((*_OPEN, _OUR_CLOSE, Farewell(1002), EOF)),
        _rounds((*_OPEN, Farewell(1000), EOF), role="failing"),
    ),
)
