"""WS: the envelopes in which streams share a connection: whose they are, how each stream ends, and that compression
changes none of them. What is said of ids and ends holds over length-framed TCP alike.

Never here: what is no envelope of ours (`websocket_malformed`), or what we say (`websocket_saying`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Ended,
    Expired,
    Failed,
    Farewell,
    Item,
    Opened,
    Record,
)
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, RESET, head, item, told
from streamspec.harness.rules._carriers import (
    CLOSE as OUR_CLOSE,
)
from streamspec.harness.rules._carriers import (
    EOF,
    STARTED,
    TCP,
    UPGRADE,
    WS,
    blameless,
    carried,
    switched,
    waited,
    why_not,
    writes,
)
from streamspec.harness.rules._connections import sharing
from streamspec.harness.rules._wire import SUCCEEDING, deviations, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_FOREIGN: Final = ("envelope.type", "envelope.not-json", "envelope.utf8")  # not `too-deep`: that limit is ours
_NOBODYS: Final = "envelope.id"
_DONE: Final = (-1, 1000)  # codes of a Close that says no more than that all is done
_DEFLATE: Final = "permessage-deflate"


# -- whose they are ----------------------------------------------------------------------------------------------------


def envelopes_are_the_profiles(h: History) -> Iterator[Finding]:
    """Once we have written what is in no order, or a stream of the connection was left, a message may be about that."""
    for session in standing.usual(h):
        if not standing.opened(h, session):
            yield unknown(standing.not_opened(h, session))
            continue
        codes = _FOREIGN if _left(h, session) else (*_FOREIGN, _NOBODYS)
        bad = [r for r in deviations(h, session, *codes) if blameless(h, session, r)]
        seen = standing.theirs(h, (Item, *standing.TERMINALS), session)
        if bad:
            yield broken(bad[:3], expected="envelopes of the profile, under ids that were opened", got=worded(bad[0]))
        elif not seen or not standing.seen_whole(h, session):
            yield unknown("no item came while we looked")
        else:
            yield held(seen[0], seen[-1])


def _left(h: History, session: str) -> bool:
    """Whether several streams are on this connection, of which one may be left while others go on: what is on its way
    to it then is for nobody."""
    return len(sharing(h, session)) > 1


_OPEN: Final = (ASK, WS, STARTED, item(0))
_TWO: Final = {"look-2": Ask(on="look-1")}

WS_01 = Rule(
    id="WS-01",
    level=Level.MUST,
    sentence="What comes on a connection of envelopes is of the profile's types, and for a stream that was opened.",
    source="seed 002 'WebSocket Streaming'",
    why="A client hands each message to the stream of its id: what has another one, or none, is lost.",
    needs=("mux",),
    after=("TC-01",),
    on=("ws", "tcp"),
    check=envelopes_are_the_profiles,
    good=(
        carried(*told("look", *_OPEN, Completed(), waited("terminal_ms", 1_000), *CLOSE)),
        carried(*told("look", ASK, TCP, STARTED, item(0), Completed(), EOF), binding="tcp"),
        # an error about what we wrote
        carried(*told("look", *_OPEN, writes("ws-unknown-id"), Deviation(_NOBODYS, 90, "nobody"), *CLOSE)),
        # of two streams one was left, and something was on its way to it
        carried(
            *told("look-1", *_OPEN), *told("look-2", ASK, WS, item(0), *CLOSE, start_ms=20),
            *told("look-1", Deviation(_NOBODYS, 90, "look-2"), item(1), *CLOSE, start_ms=30),
            asks=_TWO,
        ),
        # our limit
        carried(*told("look", *_OPEN, Deviation("envelope.too-deep", 90), *CLOSE)),
        carried(*told("look", ASK, head(status=404), ENDED, EOF)),
    ),
    bad=(
        *(carried(*told("look", *_OPEN, Deviation(code, 90), *CLOSE)) for code in (*_FOREIGN, _NOBODYS)),
        *(
            carried(*told("look", ASK, TCP, STARTED, Deviation(code, 90), item(0), *CLOSE), binding="tcp")
            for code in (*_FOREIGN, _NOBODYS)
        ),
    ),
)  # fmt: skip


# -- how they end ------------------------------------------------------------------------------------------------------


def each_stream_ends_once(h: History) -> Iterator[Finding]:
    """Of a stream that is to succeed, a Close that says no more than that all is done hides that its end is missing. A
    plain end of the connection breaks it off, and so does a Close with an error's code."""
    for session in standing.usual(h):
        if not standing.opened(h, session):
            yield unknown(standing.not_opened(h, session))
            continue
        if not blameless(h, session) or standing.ask_of(h, session).same:
            continue
        ends = standing.terminals(h, session)
        if ends:
            yield _once(h, session, ends)
        elif h.role(session) in SUCCEEDING and (bye := _all_done(h, session)):
            yield broken(bye, expected="its end, before the connection is closed", got=f"{_code(bye)}, and no end")
        else:
            yield unknown("it did not end while we looked")


def _once(h: History, session: str, ends: tuple[Record, ...]) -> Finding:
    late = [r for r in standing.theirs(h, (Item, *standing.TERMINALS), session) if r.index > ends[0].index]
    watched = next((r for r in h.of((Ended, Expired, Closed), session) if r.index > ends[0].index), None)
    if late:
        return broken(
            ends[0], late[:3], expected="nothing under that id behind its end", got=f"{len(late)} more messages"
        )
    if watched and watched.event != Closed("ours"):
        return held(ends[0], watched)
    return unknown("we left the stream at its end", ends[0])


def _all_done(h: History, session: str) -> Record | None:
    byes = standing.theirs(h, Farewell, session)
    first = next((r for r in byes if isinstance(r.event, Farewell)), None)
    if not first or not isinstance(first.event, Farewell) or first.event.code not in _DONE:
        return None
    acts = [r for r in h.of(Did) if isinstance(r.event, Did) and r.session in sharing(h, session)]
    ours = any(r.event == Did(f"write:{OUR_CLOSE}") and r.index < first.index for r in acts)
    return None if ours or any(r.event == Did("stop") for r in h.of(Did)) else first


def _code(record: Record) -> str:
    code = record.event.code if isinstance(record.event, Farewell) else -1
    return f"a Close with {code}" if code >= 0 else "a Close without a code"


_FINITE: Final = (ASK, WS, STARTED, item(0))
_LINGERED: Final = (waited("terminal_ms", 1_000), *CLOSE)

WS_02 = Rule(
    id="WS-02",
    level=Level.MUST,
    sentence="Under each id comes one end, complete or error, as the last message.",
    source="seed 002 'WebSocket Streaming' (stream:end, stream:error)",
    why="The connection goes on: without its end a stream is waited for, and behind it an id is somebody else's.",
    needs=("mux", "terminal"),
    after=("LC-01", "LC-02"),
    on=("ws", "tcp"),
    check=each_stream_ends_once,
    good=(
        carried(*told("finite", *_FINITE, Completed(), *_LINGERED)),
        carried(*told("failing", *_FINITE, Failed("INTERNAL"), *_LINGERED)),
        carried(*told("finite", ASK, TCP, item(0), Completed(), EOF), binding="tcp"),
        # it breaks off: everybody sees that
        carried(*told("finite", *_FINITE, EOF)),
        carried(*told("finite", *_FINITE, Farewell(1011), EOF)),
        # we closed the connection, or asked its server to end
        carried(*told("finite", *_FINITE, writes(OUR_CLOSE), Farewell(1000), EOF)),
        carried(*told("finite", *_FINITE, Did("stop"), Farewell(1000), EOF)),
        # it never ends by itself, and was closed
        carried(*told("endless", *_FINITE, Farewell(1000), EOF)),
        # an error about what we wrote
        carried(*told("finite", *_FINITE, writes("ws-no-type"), Failed("INVALID_ARGUMENT"), Completed(), *_LINGERED)),
    ),
    bad=(
        carried(*told("finite", *_FINITE, Farewell(1000), EOF)),
        carried(*told("finite", *_FINITE, Farewell(), EOF)),
        carried(*told("finite", *_FINITE, Completed(), Completed(), *_LINGERED)),
        carried(*told("finite", *_FINITE, Completed(), item(1), *_LINGERED)),
        carried(*told("failing", *_FINITE, Failed("INTERNAL"), Completed(), *_LINGERED)),
        carried(*told("finite", ASK, TCP, item(0), Completed(), Failed(), EOF), binding="tcp"),
    ),
)


# -- under compression -------------------------------------------------------------------------------------------------


def compression_changes_nothing(h: History) -> Iterator[Finding]:
    """Beside two answers without it, which must be alike: then the stream is always the same."""
    for role in SUCCEEDING:
        sessions = h.sessions(role)
        offered = [s for s in sessions if standing.ask_of(h, s).offers]
        traces = [found for s in sessions if s not in offered and (found := _trace(h, s))]
        for session in offered:
            if not switched(h, session):
                yield unknown(why_not(h, session))
            elif not _compressed(h, session):
                yield unknown("compression was offered, and not taken")
            else:
                yield _same(h, session, traces)


def _same(h: History, session: str, controls: list[tuple[str, ...]]) -> Finding:
    if bad := deviations(h, session, "ws.inflate"):
        return broken(bad[:3], expected="what can be inflated", got=worded(bad[0]))
    if len(controls) < 2 or len(set(controls)) != 1:
        return unknown("without compression it was not the same twice")
    if not (trace := _trace(h, session)):
        return unknown("it was not seen to its end")
    evidence = (*standing.items(h, session)[:1], *_ends(h, session)[:1])
    if trace != controls[0]:
        got = f"{len(trace) - 1} items" if len(trace) != len(controls[0]) else "as many, with other octets"
        return broken(evidence, expected=f"the same {len(controls[0]) - 1} items as without compression", got=got)
    return held(evidence)


def _compressed(h: History, session: str) -> bool:
    record = switched(h, session)
    taken = record.event.header("sec-websocket-extensions") if record and isinstance(record.event, Opened) else ""
    return _DEFLATE in (taken or "")


def _ends(h: History, session: str) -> tuple[Record, ...]:
    found = standing.theirs(h, (*standing.TERMINALS, Ended, Closed), session)
    return tuple(r for r in found if not isinstance(r.event, Closed) or r.event.how == "eof")


def _trace(h: History, session: str) -> tuple[str, ...]:
    """What came, and how it ended; empty where that was not seen. A plain end of the connection is the end of many a
    stream that has a connection to itself."""
    ends = _ends(h, session)
    if not ends or not standing.seen_whole(h, session):
        return ()
    came = (r.event.sha for r in standing.items(h, session) if isinstance(r.event, Item))
    return (*came, type(ends[0].event).__name__)


_TAKEN: Final = Opened(101, "Switching Protocols", "HTTP/1.1", (*UPGRADE, ("Sec-WebSocket-Extensions", _DEFLATE)))
_SAME: Final = (item(0), item(1), Completed(), *_LINGERED)
_OFFERS: Final = {"finite-2": Ask(offers=_DEFLATE)}


def _offered(*events: Event, others: tuple[Event, ...] = _SAME, answer: Opened = _TAKEN) -> History:
    """The second of three streams, under compression, between two without it."""
    return carried(
        *told("finite-1", ASK, WS, *others),
        *told("finite-2", ASK, answer, *events, start_ms=50),
        *told("finite-3", ASK, WS, *_SAME, start_ms=90),
        asks=_OFFERS,
    )


def _ending(*end: Event) -> History:
    return carried(
        *(row for n in (1, 3) for row in told(f"finite-{n}", ASK, WS, item(0), *end, start_ms=50.0 * n)),
        *told("finite-2", ASK, _TAKEN, item(0), *end, start_ms=500),
        asks=_OFFERS,
    )


WS_11 = Rule(
    id="WS-11",
    level=Level.SHOULD,
    sentence="With permessage-deflate the same messages come as without it.",
    source="RFC 7692 §6, §7.2.1",
    why="Browsers offer compression by themselves: a stream that is broken by it is broken for all of them.",
    needs=("role:finite|role:text",),
    after=("WS-12",),
    on=("ws",),
    check=compression_changes_nothing,
    good=(
        _offered(*_SAME),
        # not taken; not deterministic; not seen to its end
        _offered(item(0), *CLOSE, answer=WS),
        _offered(item(0), Completed(), *_LINGERED, others=(item(0), Completed(), *_LINGERED)),
        _offered(item(0), RESET),
        # streams that end with their connections
        _ending(EOF),
    ),
    bad=(
        _offered(item(0), Deviation("ws.inflate", 90), EOF),
        _offered(item(0), Completed(), *_LINGERED),
        _offered(item(0), item(1, 7), Completed(), *_LINGERED),
        _offered(item(0), item(1), Failed("INTERNAL"), *_LINGERED),
    ),
)
