"""WS: Pings, and how soon a server answers what it has to answer (RFC 6455 §5.5).

A handler that only sends may have nobody who reads: that it answers nothing is no more than a warning, unless something
that we said later was answered. Never here: what a Close says (`websocket_closes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Did, Farewell, Pong
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, item, told
from streamspec.harness.rules._carriers import CLOSE as OUR_CLOSE
from streamspec.harness.rules._carriers import (
    EOF,
    PONG,
    TORN,
    WS,
    after,
    carried,
    connections,
    each_time,
    is_reset,
    later_answer,
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

_APART_NS: Final = 1e9  # who has received a Close need not answer the Ping before it (RFC 6455 §5.5.2)


def pings_are_answered(h: History) -> Iterator[Finding]:
    """Broken only when what was said later was answered, and none of the case's Pings. One Pong may be for several."""
    found = [_ping(h, session, ping) for session in h.sessions() for ping in _pings(h, session)]
    answered = any(finding.stance == "held" for finding in found)
    yield from (finding for finding in found if not answered or finding.stance != "broken")
    yield from _unswitched(h)


def _pings(h: History, session: str) -> tuple[Record, ...]:
    return tuple(r for r in h.of(Did, session) if r.event == Did("ping"))


def _ping(h: History, session: str, ping: Record) -> Finding:
    if pong := next(iter(after(on_link(h, Pong, session), ping)), None):
        return held(ping, pong)
    if later := later_answer(h, session, ping):
        got = "no Pong, and an answer to what was said later"
        return broken(ping, *later, expected="a Pong, before what was said later is answered", got=got)
    close = next((r for r in wrote(h, session, OUR_CLOSE) if r.t_ns >= ping.t_ns + _APART_NS), None)
    answers = after(standing.theirs(h, Farewell, session), close) if close else ()
    if close and answers:
        got = "no Pong, and an answer to the Close that came later"
        return broken(ping, close, answers[0], expected="a Pong, before the Close is answered", got=got)
    return unknown("no Pong came, and nothing that was said later was answered", ping)


def _unswitched(h: History) -> Iterator[Finding]:
    yield from (unknown(why_not(h, session)) for session in connections(h) if not switched(h, session))


_IDLE: Final = (ASK, WS, item(0))
_PING: Final = Did("ping")
_CLOSE: Final = writes(OUR_CLOSE)
_SERVED: Final = (ASK, WS, item(0))


def _pinged(*events: Event, beside: tuple[Event, ...] = (), step_ms: float = 1.0) -> History:
    """An idle stream whose connection is pinged, and what came then; later a second one is opened on it."""
    rows = told("idle-1", *_IDLE, _PING, *events, step_ms=step_ms)
    second = told("idle-2", *beside, start_ms=30_000)
    return carried(*rows, *second, asks={"idle-2": Ask(on="idle-1")} if beside else {})


WS_10 = Rule(
    id="WS-10",
    level=Level.MUST,
    sentence="A Ping is answered with a Pong while every stream is idle.",
    source="RFC 6455 §5.5.2",
    why="Clients and proxies ping what is quiet, and close what does not answer: an idle stream is gone then.",
    needs=("role:idle",),
    on=("ws",),
    check=pings_are_answered,
    good=(
        _pinged(PONG, *CLOSE),
        _pinged(PONG, beside=_SERVED),
        # one Pong for two Pings
        _pinged(_PING, PONG, beside=_SERVED),
        # a handler that only sends: nobody reads, and nothing that came later was answered
        _pinged(waited(), _CLOSE, waited(), *CLOSE),
        _pinged(waited(), beside=(ASK, WS, waited("item_ms", 5_000))),
        # the Close came too soon behind the Ping
        _pinged(_CLOSE, *over(), step_ms=100),
        # it ends the connection instead
        _pinged(EOF),
    ),
    bad=(
        _pinged(waited(), beside=_SERVED),
        _pinged(waited(), _CLOSE, *over(), step_ms=1_000),
    ),
)


def answers_come_soon(h: History) -> Iterator[Finding]:
    """The last three rounds of each kind count; a connection that is closed without a Close has answered none."""
    pings = [_soon(h, ping, Pong) for s in connections(h) for ping in _pings(h, s)[:1]]
    closes = [_soon(h, close, Farewell) for s in connections(h) for close in wrote(h, s, OUR_CLOSE)[:1]]
    yield from each_time(pings, "a Ping was not answered")
    yield from each_time(closes, "a Close was not answered")
    yield from _unswitched(h)


def _soon(h: History, act: Record, kind: type[Pong | Farewell]) -> Finding:
    session, name = act.session, "Pong" if kind is Pong else "Close"
    if not switched(h, session):
        return unknown(why_not(h, session))
    if answer := next(iter(after(on_link(h, kind, session), act)), None):
        return held(act, answer)
    end = their_end(h, session, act)
    if end and (is_reset(end) or kind is Pong):
        return unknown("the connection ended, and what came before may be lost", end)
    if end:
        return broken(act, end, expected=f"a {name} in answer", got="the connection was closed without one")
    if ran_out := silent(h, session, act):
        got = f"none, {(ran_out.t_ns - act.t_ns) / 1e9:.1f} s later"
        return broken(act, ran_out, expected=f"a {name} in answer", got=got)
    return unknown(f"we left before a {name} could come")


def _rounds(*rounds: tuple[Event, ...]) -> History:
    """The same of several connections, one after the other."""
    sessions = enumerate(rounds, 1)
    return carried(*(row for n, events in sessions for row in told(f"idle-{n}", *_IDLE, *events, start_ms=9_000.0 * n)))


_LATE: Final = (_PING, waited(), *CLOSE)
_UNCLOSED: Final = (_CLOSE, EOF)

WS_16 = Rule(
    id="WS-16",
    level=Level.SHOULD,
    sentence="A Ping is answered with a Pong and a Close with a Close as soon as practical, also by who only sends.",
    source="RFC 6455 §5.5.1, §5.5.2",
    why="Whoever asks whether the other side is there takes it for dead, or waits for a Close until a timeout.",
    after=("WS-10", "WS-13"),
    on=("ws",),
    check=answers_come_soon,
    good=(
        _rounds((_PING, PONG, *CLOSE)),
        _rounds((_CLOSE, *over())),
        # a Close without a code
        _rounds((_CLOSE, Farewell(), EOF)),
        # late twice, in time once
        _rounds(_LATE, _LATE, (_PING, PONG, *CLOSE)),
        # torn: the answer may be lost
        _rounds(*((_CLOSE, TORN),) * 3),
        _rounds(*((_PING, EOF),) * 3),
        # we left at once
        _rounds(*((_PING, *CLOSE),) * 3),
    ),
    bad=(
        _rounds(_LATE, _LATE, _LATE),
        _rounds(_UNCLOSED, _UNCLOSED, _UNCLOSED),
        _rounds(*((_CLOSE, waited(), *CLOSE),) * 3),
    ),
)
