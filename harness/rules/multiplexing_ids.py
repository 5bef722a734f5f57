"""MX: ids on one connection: those that a server gives its messages, that of a stream that is in use, and one that
nobody has.

Never here: ids for a resume (`resume`), or what a stream shows that has its id to itself (`multiplexing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Expired, Failed, Farewell, Item, Meta, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.written import ASK, CLOSE, EOF, item, told
from streamspec.harness.rules._both_ways import (
    CANCELS,
    SAY,
    TERMINAL,
    WORD,
    Spoken,
    acts_of,
    behind,
    failed,
    first_act,
    gone,
    opening,
    read_on,
    rounds,
    silent_since,
    spoken,
)
from streamspec.harness.rules._carriers import TCP, WS, carried
from streamspec.harness.rules._connections import connection, others_on, sharing
from streamspec.harness.rules._mux import ON, SILENT, STAYS, counted_anew, gap_in, goes_on, stay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

HELD: Final = "endless-held-"  # a stream whose id is taken once more
AGAIN: Final = "endless-again-"  # and who does so
TWICE: Final = "endless-twice-"  # a stream whose start is said twice in one write
LATER: Final = "endless-later-"  # and what is opened behind it
DONE: Final = "finite-done-"  # is over, and spoken to


# -- MX-01: an id for each message -------------------------------------------------------------------------------------


def each_message_has_its_id(h: History) -> Iterator[Finding]:
    """On each connection by itself. Where two streams were asked for under one id, what follows from it is ours."""
    for link in dict.fromkeys(connection(h, session) for session in h.sessions()):
        if finding := _told_apart(h, link):
            yield finding


def _told_apart(h: History, link: str) -> Finding | None:
    alone = [s for s in sharing(h, link) if not standing.is_doubled(h, s) and not standing.ask_of(h, s).same]
    streams = [s for s in alone if _is_named(h, s)]
    items = sorted((r for s in streams for r in standing.items(h, s)), key=lambda r: r.index)
    if bare := [r for r in items if not _own_id(r)]:
        return unknown("its messages show no id but that of their stream", bare[0])
    seen: dict[str, Record] = {}
    for record in items:
        before = seen.setdefault(_own_id(record), record)
        if before is not record:
            wanted = "an id of its own for each message of a connection"
            return broken(before, record, expected=wanted, got=f"{_own_id(record)} again")
    if len(items) > 1:
        return held(items[0], items[-1])
    return unknown("fewer than two items came") if items else None


def _is_named(h: History, session: str) -> bool:
    """Whether its messages carry ids that begin with one that we chose: streams are called as their sessions are, and
    whoever opens them all by the same words gives them the same. What was said is not asked: it may be a secret."""
    own = [told for record in standing.items(h, session) if (told := _own_id(record))]
    return all(any(told.startswith(name) for name in sharing(h, session)) for told in own)


def _own_id(record: Record) -> str:
    return record.event.id if isinstance(record.event, Item) else ""


def _dated(stream: str, *marks: int) -> tuple[Item, ...]:
    """Items of a stream, whose ids end in these numbers."""
    return tuple(item(n, mark=f"{stream}:stream:data:{mark}") for n, mark in enumerate(marks))


def _two(first: tuple[int, ...], second: tuple[int, ...], ask: Ask | None = None, name: str = "") -> History:
    """Two streams of one connection."""
    return carried(
        *told("finite-1", ASK, WS, *_dated("finite-1", *first), *TERMINAL),
        *told("finite-2", ASK, WS, *_dated(name or "finite-2", *second), *TERMINAL, start_ms=50),
        asks={"finite-2": ask or Ask(on="finite-1")},
    )


MX_01 = Rule(
    id="MX-01",
    level=Level.MUST,
    sentence="Where a dialect gives each message an id of its own, no two messages of a connection have the same.",
    source="seed 002 'Envelope' (id: unique message id)",
    why="Whoever drops what he has had already, or answers to an id, takes two messages for one.",
    needs=("mux", "feature:message-ids", "role:finite"),
    on=("ws", "tcp"),
    check=each_message_has_its_id,
    good=(
        _two((0, 1, 2), (0, 1, 2)),
        carried(*told("finite", ASK, TCP, *_dated("finite", 7, 8, 12), *CLOSE), binding="tcp"),
        # the same on another connection
        _two((0, 1), (0, 1), Ask(), "finite-1"),
        # it was asked for a second stream under the id of the first
        _two((0, 1), (0, 1), Ask(on="finite-1", same="finite-1"), "finite-1"),
        # both starts of one id came in one write
        carried(*told("finite", ASK, WS, *_dated("finite", 0, 0, 1), *CLOSE), asks={"finite": Ask(twice=True)}),
        # each stream was opened by the same words
        carried(*told("finite", ASK, WS, *_dated("a", 1, 1), *TERMINAL)),
        # no id of their own
        carried(*told("finite", ASK, WS, item(0), item(1), *TERMINAL)),
    ),
    bad=(
        _two((0, 1, 1), (0, 1, 2)),
        _two((0, 1, 2), (0, 1, 2), name="finite-1"),
        carried(*told("finite", ASK, TCP, *_dated("finite", 1795182184604, 1795182184604), *CLOSE), binding="tcp"),
    ),
)


# -- MX-03: an id once more --------------------------------------------------------------------------------------------


def a_live_id_is_refused(h: History) -> Iterator[Finding]:
    found = [s for s in h.sessions("endless") if s.startswith(HELD)]
    yield from rounds(h, found, _refused, _UNSAID)
    found = [s for s in h.sessions("endless") if standing.ask_of(h, s).twice]
    yield from rounds(h, found, _one_of_two, _UNSAID)


_UNSAID: Final = "nothing was said of an id that was in use"
_ALONE: Final = "the stream that has the id, and no other"


def _refused(h: History, session: str) -> Finding:
    """What is said of the id reaches the stream that has it: nobody can tell two streams of one id apart."""
    again = next(
        (ask for s in others_on(h, session) if standing.ask_of(h, s).same and (ask := accounts.asked(h, s))), None
    )
    before = [r for r in standing.items(h, session) if again and r.index < again.index]
    if again is None or not before:
        return unknown("no id was taken that was in use")
    if closed := gone(h, session, again):
        return held(before[-1], again, closed)
    since = behind(h, Item, session, again)
    if gap := gap_in(h, before, since):
        return broken(again, gap[0], expected=_ALONE, got=f"item {gap[2]} anew")
    answer = _answer(h, session, again)
    return _survives(h, session, again, answer) if answer else _ignored(h, session, again, again)


def _one_of_two(h: History, session: str) -> Finding:
    """Where both starts come at once neither is the first, and what is refused may be either. That its connection is
    closed is a refusal, unless there were two streams by then."""
    ask = accounts.asked(h, session)
    if ask is None:
        return unknown("nothing was asked for twice")
    items = behind(h, Item, session, ask)
    if anew := counted_anew(h, session, items):
        return broken(ask, anew[0], expected=_ALONE, got=f"item {anew[1]} anew, of two starts in one write")
    if closed := gone(h, session, ask):
        return held(ask, closed)
    if answer := _answer(h, session, ask):
        return _survives(h, session, ask, answer)
    if not items:
        return unknown("its stream did not begin", ask)
    later = read_on(h, session, ask)
    return _ignored(h, session, ask, later) if later else unknown("nothing shows that both starts were read", ask)


def _answer(h: History, session: str, since: Record) -> Record | None:
    """What is said of an id that is in use: a failure, or a message that is no end of any stream."""
    answers = behind(h, (Failed, Meta), session, since)
    return next((r for r in answers if not isinstance(r.event, Meta) or r.event.kind == "error"), None)


def _ignored(h: History, session: str, again: Record, since: Record) -> Finding:
    """Nothing was said of it, though we waited since that record."""
    waits = behind(h, Expired, session, since)
    return broken(again, waits[-1], expected="a refusal", got="nothing") if waits else unknown("not waited for", again)


def _survives(h: History, session: str, again: Record, answer: Record) -> Finding:
    if on := next(iter(behind(h, Item, session, answer)), None):
        return held(again, answer, on)
    if quiet := silent_since(h, session, answer):
        wanted = "the stream that has the id goes on"
        return broken(again, answer, quiet, expected=wanted, got="it has sent nothing since")
    return unknown("too little was read of it afterwards", answer)


def _hold(*after: Seen, n: int = 1) -> Spoken:
    return Spoken(f"{HELD}{n}", (*opening(), *(item(k) for k in range(6)), 20, *after, *CLOSE), start_ms=10e3 * n)


def _again(n: int = 1) -> Spoken:
    ask = Ask(on=f"{HELD}{n}", same=f"{HELD}{n}")
    return Spoken(f"{AGAIN}{n}", opening(), acts=(ask,), start_ms=10e3 * n + 10)


def _taken(*after: Seen, n: int = 1) -> tuple[Spoken, Spoken]:
    return _hold(*after, n=n), _again(n)


_EIGHT: Final = tuple(item(k) for k in range(8))


def _twice(*seen: Seen, n: int = 1, later: tuple[Item, ...] = _EIGHT) -> tuple[Spoken, Spoken]:
    """What comes of two starts in one write, and a stream that is opened behind them and answered."""
    on, start = f"{TWICE}{n}", 10e3 * n
    second = Spoken(f"{LATER}{n}", (*opening(), *later, *CLOSE), acts=(Ask(on=on),), start_ms=start + 100)
    return Spoken(on, (*opening(), *seen, *CLOSE), acts=(Ask(twice=True),), start_ms=start), second


_IN_USE: Final = failed("ALREADY_EXISTS")
_QUIET: Final[tuple[Seen, ...]] = (2_000, Expired("look_ms", 2_000))

MX_03 = Rule(
    id="MX-03",
    level=Level.SHOULD,
    sentence="A stream under an id that is in use is refused, and the one that has the id goes on.",
    source="seed 002 (ids of streams; silent on this); graphql-ws (closes the connection, 4409)",
    why="Two streams under one id are one stream to everybody who reads them.",
    needs=("mux", "cancel-word", "role:endless"),
    on=("ws", "tcp"),
    check=a_live_id_is_refused,
    good=(
        spoken(*_taken(*_IN_USE, *ON)),
        # in a message that is no end of any stream
        spoken(*_taken(Meta("error"), *ON)),
        # the connection is closed
        spoken(*_taken(Farewell(4409, "in use"), EOF)),
        # it said nothing, once
        spoken(*_taken(*ON, *_QUIET), *_taken(*_IN_USE, *ON, n=2), *_taken(*_IN_USE, *ON, n=3)),
        # both starts in one write, and one of them is refused: before the other's first item, or later
        spoken(*_twice(*_IN_USE, *_EIGHT), *_twice(item(0), Meta("error"), *_EIGHT[1:], n=2)),
        spoken(*_twice(item(0), Farewell(4409, "in use"), EOF)),
        # nothing was opened behind them, and they may wait to be read
        spoken(*(_twice(*_EIGHT, *_QUIET, n=n)[0] for n in (1, 2, 3))),
        # it does not count its items
        spoken(*_twice(item(0, 5), item(1, 5), Meta("error"), item(2, 5), later=tuple(item(k, 5) for k in range(4)))),
    ),
    bad=(
        spoken(*_twice(item(0, 0), item(1, 0), item(2, 1), item(3, 1))),
        # also when one of them was refused in the end, or the connection closed
        spoken(*_twice(item(0, 0), item(1, 0), *_IN_USE, item(2, 1))),
        spoken(*_twice(item(0, 0), item(1, 0), Farewell(4409, "in use"), EOF)),
        spoken(*(one for n in (1, 2, 3) for one in _twice(*_EIGHT, *_QUIET, n=n))),
        spoken(*_taken(item(6, 1), item(7, 2))),
        spoken(*(one for n in (1, 2, 3) for one in _taken(*ON, *_QUIET, n=n))),
        spoken(*(one for n in (1, 2, 3) for one in _taken(*_IN_USE, *_QUIET, n=n))),
    ),
)


# -- MX-04: for nobody -------------------------------------------------------------------------------------------------


def bears_messages_for_nobody(h: History) -> Iterator[Finding]:
    stays = [s for s in h.sessions("endless", SCRIPT) if any(d.startswith(DONE) for d in others_on(h, s))]
    stays += [s for s in h.sessions("endless") if _written(h, s)]
    yield from rounds(h, stays, _bears, "a stream fell silent when a message came for nobody")


def _written(h: History, session: str) -> Record | None:
    """A message for an id that nobody has opened."""
    return first_act(h, session, "write:ws-unknown-id", "write:tcp-unknown-id")


def _bears(h: History, session: str) -> Finding:
    at = _written(h, session)
    for other in others_on(h, session):
        over = next(iter((*standing.terminals(h, other), *behind(h, Failed, other, h.records[0]))), None)
        late = [r for r in acts_of(h, other, "say", WORD) if over and r.index > over.index]
        at = late[0] if late else at
    return goes_on(h, session, at, "a connection that goes on") if at else unknown("nothing was said to nobody")


def _spoke(*after: Seen, word: Event = CANCELS, n: int = 1) -> tuple[Spoken, Spoken]:
    seen = (*opening(), item(0), *TERMINAL, word, *CLOSE)
    done = Spoken(f"{DONE}{n}", seen, acts=(Ask(on=f"{STAYS}{n}"),), start_ms=10e3 * n + 10)
    return stay(*after, n=n), done


MX_04 = Rule(
    id="MX-04",
    level=Level.SHOULD,
    sentence="A message for a stream that is over, or that never was, is refused or ignored: the connection goes on.",
    source="seed 002 (silent on this); contract 6 (design 1)",
    why="A cancel that crosses the end of its stream is everyday life, and would end all the others.",
    needs=("mux", "cancel-word", "role:endless", "role:finite"),
    on=("ws", "tcp"),
    check=bears_messages_for_nobody,
    good=(
        spoken(*_spoke(*ON)),
        spoken(*_spoke(Meta("error"), *ON, word=SAY)),
        spoken(*_spoke(*SILENT), *_spoke(*ON, n=2), *_spoke(*ON, n=3)),
    ),
    bad=(
        spoken(*_spoke(Farewell(1008), EOF)),
        spoken(*_spoke(*failed("INVALID_ARGUMENT"), word=SAY)),
        spoken(*(one for n in (1, 2, 3) for one in _spoke(*SILENT, n=n))),
    ),
)
