"""WS: messages that come in fragments, and text that is no text (RFC 6455 §5.4, §8.1).

What a server does with them shows only where it reads what we say. Never here: frames of its own (`websocket`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Did, Farewell, Item, Meta, Pong
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, item, told
from streamspec.harness.rules._carriers import (
    EOF,
    PONG,
    TIMES,
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

FRAGMENTS: Final = "ws-fragments"  # a message for nobody, a Ping between its fragments
WHOLE: Final = "ws-unknown-id"  # and one in a single frame, its control
PARTS: Final = "ws-fragmented-item"  # an item of ours, in fragments as well
BAD_TEXT: Final = "ws-bad-utf8"
_NOT_TEXT: Final = 1007


# -- fragments ---------------------------------------------------------------------------------------------------------


def fragments_reassemble(h: History) -> Iterator[Finding]:
    """What is echoed shows it best. Else the Ping between the fragments shows that the server reads, and an end of the
    connection is held against it only where it comes every time, and never after the same in one frame."""
    yield from each_time([_echoed(h, s, w) for s in h.sessions() for w in wrote(h, s, PARTS)[:1]], "an item was lost")
    whole = [(s, w) for s in h.sessions() for w in wrote(h, s, WHOLE)[:1]]
    ended = [end for s, w in whole if (end := their_end(h, s, w))]
    found = [_bears(h, s, w) for s in h.sessions() for w in wrote(h, s, FRAGMENTS)[:1]]
    if any(finding.stance == "broken" for finding in found) and (ended or len(whole) < TIMES):
        yield unknown("a message for nobody ends the connection in one frame as well", ended)
    else:
        yield from each_time(found, "the connection ended after fragments")
    yield from (unknown(why_not(h, session)) for session in connections(h) if not switched(h, session))


def _echoed(h: History, session: str, write: Record) -> Finding:
    """Of an echo: its earlier answer is the control."""
    items = standing.items(h, session)
    before = [r for r in items if r.index < write.index]
    if not before:
        return unknown(why_not(h, session) if not switched(h, session) else "it echoed nothing before")
    wanted = "an item in fragments is echoed like one in a frame"
    if echo := next(iter(after(items, write)), None):
        return held(before[-1], write, echo)
    if end := their_end(h, session, write) or next(iter(after(standing.terminals(h, session), write)), None):
        return broken(before[-1], write, end, expected=wanted, got="the end of its stream")
    if ran_out := silent(h, session, write):
        got = f"nothing, {(ran_out.t_ns - write.t_ns) / 1e9:.1f} s later"
        return broken(before[-1], write, ran_out, expected=wanted, got=got)
    return unknown("we left before it could be echoed")


def _bears(h: History, session: str, write: Record) -> Finding:
    if end := their_end(h, session, write):
        code = f" ({end.event.code})" if isinstance(end.event, Farewell) and end.event.code >= 0 else ""
        got = f"the end of the connection{code}"
        return broken(write, end, expected="a message in fragments is taken like one in a frame", got=got)
    if pong := next(iter(after(on_link(h, Pong, session), write)), None):
        return held(write, pong)
    return unknown("nothing shows that the fragments were read", write)


_ECHO: Final = (ASK, WS, Did("say"), item(0), writes(PARTS))
_LOOK: Final = (ASK, WS, item(0))
_FRAGMENTS: Final = (*_LOOK, writes(FRAGMENTS))
_WHOLE: Final = (*_LOOK, writes(WHOLE))


def _rounds(*rounds: tuple[Event, ...], role: str = "look", first: int = 1) -> tuple[tuple[str, float, Event], ...]:
    return tuple(
        row for n, events in enumerate(rounds, first) for row in told(f"{role}-{n}", *events, start_ms=9_000.0 * n)
    )


def _in_parts(*rounds: tuple[Event, ...], control: tuple[Event, ...] = (waited(), *CLOSE)) -> History:
    """Three times the message in one frame, then as often as this in fragments."""
    wholes = _rounds(*((*_WHOLE, *control),) * 3)
    return carried(*wholes, *_rounds(*((*_FRAGMENTS, *events) for events in rounds), first=4))


def _echoing(*rounds: tuple[Event, ...]) -> History:
    return carried(*_rounds(*((*_ECHO, *events) for events in rounds), role="script"), direction="bidi")


WS_08 = Rule(
    id="WS-08",
    level=Level.MUST,
    sentence="A message in fragments, with control frames between them, is taken like one in a single frame.",
    source="RFC 6455 §5.4",
    why="Clients and proxies cut messages as they like: whoever sends a large one is thrown out, or not heard.",
    on=("ws",),
    check=fragments_reassemble,
    good=(
        _echoing((item(1), *CLOSE)),
        _in_parts((PONG, waited(), *CLOSE)),
        # an application that bears no message for nobody, in fragments or not
        _in_parts(*((PONG, *over()),) * 3, control=over()),
        # once, it ended: that may have any cause
        _in_parts((PONG, waited(), *CLOSE), (EOF,), (PONG, waited(), *CLOSE)),
        _echoing((waited(), *CLOSE), (item(1), *CLOSE), (item(1), *CLOSE)),
        # a handler that only sends: nobody reads
        _in_parts(*((waited(), *CLOSE),) * 3),
        # it never echoed anything
        carried(*_rounds((ASK, WS, writes(PARTS), waited(), *CLOSE), role="script"), direction="bidi"),
    ),
    bad=(
        _echoing(*((waited(), *CLOSE),) * 3),
        _echoing(*((Farewell(1002), EOF),) * 3),
        _in_parts(*((Farewell(1002), EOF),) * 3),
        _in_parts(*((PONG, EOF),) * 3),
    ),
)


# -- text that is no text ----------------------------------------------------------------------------------------------


def bad_text_ends_the_connection(h: History) -> Iterator[Finding]:
    """It need not happen before somebody reads the message as text. A stream that is opened on the same connection
    later, and answered, shows that it was read past."""
    for session in connections(h):
        if not switched(h, session):
            yield unknown(why_not(h, session))
        for write in wrote(h, session, BAD_TEXT)[:1]:
            if end := their_end(h, session, write):
                yield held(write, end)
            elif later := later_answer(h, session, write):
                got = "an answer to what was said later on that connection"
                yield broken(write, *later, expected="an end of the connection", got=got)
            else:
                yield unknown("nothing shows that it was read as text")


_BAD: Final = (*_LOOK, writes(BAD_TEXT))


def _spoilt(*events: Event, beside: tuple[Event, ...] = ()) -> History:
    """Text that is no text, what came of it, and a stream that is opened later on that connection."""
    second = told("look-2", *beside, start_ms=500)
    asks = {"look-2": Ask(on="look-1")} if beside else {}
    return carried(*told("look-1", *_BAD, *events), *second, asks=asks)


WS_09 = Rule(
    id="WS-09",
    level=Level.MUST,
    sentence="Text that is not valid UTF-8 ends its connection.",
    source="RFC 6455 §8.1",
    why="What is taken regardless is a text that nobody sent, with other letters, or with none.",
    on=("ws",),
    check=bad_text_ends_the_connection,
    good=(
        _spoilt(Farewell(1007), EOF),
        # most just close; some reset, and some give another code
        _spoilt(EOF),
        _spoilt(TORN),
        _spoilt(Farewell(1002), EOF),
        _spoilt(EOF, beside=(ASK, WS, EOF)),
        # it ends a little later than the next stream begins
        _spoilt(beside=(*_LOOK, Farewell(1007), EOF)),
        # nobody reads
        _spoilt(waited(), *CLOSE),
        _spoilt(waited(), beside=(ASK, WS, waited())),
        # a Pong shows that frames are read, and not that anybody wanted the text
        _spoilt(Did("ping"), PONG, waited(), *CLOSE),
    ),
    bad=(
        _spoilt(waited(), beside=_LOOK),
        _spoilt(Meta("error"), beside=(ASK, WS, Meta("start"))),
        # it echoes what it could not read, and goes on
        _spoilt(Item(1, 9, "f", "?", 90), beside=_LOOK),
    ),
)


def bad_text_has_its_code(h: History) -> Iterator[Finding]:
    for session in connections(h):
        if not switched(h, session):
            yield unknown(why_not(h, session))
        for write in wrote(h, session, BAD_TEXT)[:1]:
            end = their_end(h, session, write)
            if not end or is_reset(end):
                yield unknown("the connection did not end, or was reset: a Close may be lost then")
            elif isinstance(end.event, Farewell) and end.event.code == _NOT_TEXT:
                yield held(write, end)
            else:
                code = end.event.code if isinstance(end.event, Farewell) else None
                got = "an end without a Close" if code is None else f"code {code}" if code >= 0 else "no code"
                yield broken(write, end, expected=f"a Close with the code {_NOT_TEXT}", got=got)


WS_17 = Rule(
    id="WS-17",
    level=Level.SHOULD,
    sentence="The connection of a text that is not valid UTF-8 is closed with the code 1007.",
    source="RFC 6455 §8.1, §7.1.7, §7.4.1",
    why="A client that is thrown out without a word connects again, and sends the same once more.",
    after=("WS-09",),
    on=("ws",),
    check=bad_text_has_its_code,
    good=(_spoilt(Farewell(1007), EOF), _spoilt(TORN), _spoilt(waited(), *CLOSE)),
    bad=(_spoilt(EOF), _spoilt(Farewell(1002), EOF), _spoilt(Farewell(), EOF)),
)
