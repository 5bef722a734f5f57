"""TC: frames of a length and a body over TCP, however the octets are cut, ours and theirs.

TCP keeps no borders: whoever reads a frame by what one read gave him serves only those who are near. Never here:
lengths and bodies that are in no order (`framed_malformed`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Did, Ended, Failed, Item, Said
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask, Say
from streamspec.harness.core.written import ASK, CLOSE, RESET, item, retold, told
from streamspec.harness.rules._accounts import did
from streamspec.harness.rules._carriers import (
    EOF,
    STARTED,
    TCP,
    TIMES,
    after,
    blameless,
    carried,
    each_time,
    name_of,
    silent,
    their_end,
    waited,
    writes,
    wrote,
)
from streamspec.harness.rules._scripted import streams
from streamspec.harness.rules._scripted_ends import numbers
from streamspec.harness.rules._wire import deviations, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.script import Session
    from streamspec.harness.core.written import Row

SIZES: Final = "script-sizes-"  # an echo of items whose frames have lengths in one, two and three octets
SEGMENTS: Final = "script-segments-"  # an echo of items whose frames lie in segments as nobody cuts them
TOGETHER: Final = "tcp-three-items"  # three frames in one segment
APART: Final = ("tcp-item-begins", "tcp-item-goes-on", "tcp-item-ends")  # one frame in three
_SLACK: Final = 64  # blanks and escapes that another writer of JSON may put in
_MISFRAMED: Final = ("tcp.empty", "envelope.not-json", "envelope.utf8")


# -- round trips -------------------------------------------------------------------------------------------------------


def frames_round_trip(h: History) -> Iterator[Finding]:
    """A body that is no message shows that lengths are not what they say; an echo shows that ours are understood."""
    for session in standing.usual(h):
        if not standing.opened(h, session):
            yield unknown(standing.not_opened(h, session))
            continue
        seen = standing.items(h, session)
        if bad := [r for r in deviations(h, session, *_MISFRAMED) if blameless(h, session, r)]:
            yield broken(bad[:3], expected="frames whose length is that of a message", got=worded(bad[0]))
        elif not session.startswith(SIZES):
            yield held(seen[0], seen[-1]) if seen else unknown("no item came while we looked")
    yield from each_time([_echoed(h, session) for session in streams(h, SIZES)], "what was said did not come back")


def _echoed(h: History, session: str) -> Finding:
    say = next((act for act in h.acts(session) if isinstance(act, Say)), None)
    begun, said = did(h, session, "say"), h.of(Said, session)
    if not standing.opened(h, session) or not say or not begun or not said:
        return unknown(standing.not_opened(h, session) or "nothing was said")
    items = standing.items(h, session)
    due = tuple(len(text) for text in say.items)
    came = tuple(r.event.size for r in items if isinstance(r.event, Item))
    wrong = next((n for n, (size, want) in enumerate(zip(came, due, strict=False)) if abs(size - want) > _SLACK), None)
    if wrong is not None:
        got = f"{came[wrong]} octets where {due[wrong]} were due"
        return broken(begun, items[wrong], expected="each item as long as it was said", got=got)
    if len(came) >= len(due):
        return held(begun, items[0], items[len(due) - 1])
    end = their_end(h, session, begun) or next(iter(standing.terminals(h, session)), None) or silent(h, session, begun)
    if not end:
        return unknown("we left before all of it came back")
    got = f"{len(came)} of them, the next one of {due[len(came)]} octets"
    return broken(begun, items[-1:], end, expected=f"{len(due)} items that come back", got=got)


_OPEN: Final = (ASK, TCP, STARTED, item(0))
_TEXTS: Final = ("1" * 100, "2" * 256, "3" * 66_000)
_SAY: Final = (ASK, TCP, STARTED, Did("say"), Said(3, 66_356))
_DEAF: Final[tuple[Event, ...]] = (waited("item_ms", 5_000), *CLOSE)


def _back(*sizes: int) -> tuple[Event, ...]:
    return tuple(Item(n, size, f"{size}", "…", 0, seq=n + 1) for n, size in enumerate(sizes))


def _sizes(*rounds: tuple[Event, ...]) -> History:
    """By hand: items of these sizes, said three times."""

    def saying(session: Session) -> Session:
        return replace(session, acts=(Ask(), Say(items=_TEXTS)))

    rows = [row for n, r in enumerate(rounds, 1) for row in told(f"{SIZES}{n}", *_SAY, *r, start_ms=9_000.0 * n)]
    return retold(carried(*rows, binding="tcp", direction="bidi"), saying)


TC_01 = Rule(
    id="TC-01",
    level=Level.MUST,
    sentence="Each frame's length is that of its body, in the octets and the order of the profile, both ways.",
    source="seed 002 'Protocol Support' (TCP); profile (width and order of the prefix)",
    why="After one wrong length every further message is cut in the wrong place: the connection is lost.",
    needs=("mux",),
    on=("tcp",),
    check=frames_round_trip,
    good=(
        carried(*told("look", *_OPEN, Completed(), *CLOSE), binding="tcp"),
        _sizes((*_back(100, 256, 66_000), *CLOSE), (*_back(103, 260, 66_004), *CLOSE)),
        # slow twice; and torn once
        _sizes(_DEAF, _DEAF, (*_back(100, 256, 66_000), *CLOSE)),
        _sizes((*_back(100), RESET), (*_back(100, 256, 66_000), *CLOSE)),
        # about what we wrote
        carried(*told("look", *_OPEN, writes("tcp-garbage"), Deviation("envelope.not-json", 90), EOF), binding="tcp"),
        # it breaks off
        carried(*told("look", *_OPEN, Deviation("tcp.cut", 90), EOF), binding="tcp"),
    ),
    bad=(
        *(carried(*told("look", *_OPEN, Deviation(code, 90), *CLOSE), binding="tcp") for code in _MISFRAMED),
        _sizes(*((*_back(100), waited("item_ms", 5_000), *CLOSE),) * 3),
        _sizes(*((*_back(100), Failed("INVALID_ARGUMENT"), EOF),) * 3),
        _sizes(*((*_back(100, 1, 66_000), *CLOSE),) * 3),
    ),
)


# -- cuts of the message that opens a stream ---------------------------------------------------------------------------


def frames_may_be_cut(h: History) -> Iterator[Finding]:
    """Those that open a stream, and those of our items."""
    yield from _openings(h)
    yield from each_time(_of_segments(h, APART[0]), "an item in segments was not read")


def _openings(h: History) -> Iterator[Finding]:
    """Two streams that were opened in one piece, and were alike, are the control."""
    sessions = h.sessions("finite")
    cut = [s for s in sessions if standing.ask_of(h, s).pieces]
    controls = [_whole(h, s) for s in sessions if s not in cut]
    if not cut:
        return
    if len(controls) < 2 or not controls[0] or len(set(controls)) != 1:
        yield unknown("opened in one piece, finite was not the same twice")
        return
    missing: list[Finding] = []
    for session in cut:
        found = _whole(h, session)
        ends = standing.theirs(h, (*standing.TERMINALS, Ended), session)
        way = f"opened in segments of {standing.ask_of(h, session).pieces} octets"
        if found == controls[0]:
            yield held(standing.items(h, session)[0], ends[0])
        elif found:
            yield broken(ends[0], expected=_counted(controls[0]), got=f"{_counted(found)}, {way}")
        else:
            missing.append(_missing(h, session, _counted(controls[0]), way))
    if missing and len(missing) < len(cut):
        yield unknown(f"{len(missing)} of {len(cut)} streams that were opened in segments did not come")
    elif len([finding for finding in missing if finding.stance == "broken"]) >= TIMES:
        yield from missing
    elif missing:
        yield unknown("finite did not come, opened in segments, less than three times")


def _whole(h: History, session: str) -> tuple[int, ...]:
    """The numbers that came, where the stream was seen to its end."""
    ends = standing.theirs(h, (Completed, Ended), session)
    return numbers(h, session) if ends and standing.seen_whole(h, session) else ()


def _counted(found: tuple[int, ...]) -> str:
    return f"{len(found)} items, {found[0]} to {found[-1]}"


def _missing(h: History, session: str, wanted: str, way: str) -> Finding:
    begun = did(h, session, "ask")
    if not begun or not standing.opened(h, session):
        return unknown(standing.not_opened(h, session))
    end = next(iter(standing.terminals(h, session)), None) or their_end(h, session, begun) or silent(h, session, begun)
    return broken(begun, end, expected=wanted, got=f"none of it, {way}") if end else unknown("we left before it came")


_USUAL: Final = (ASK, TCP, STARTED, item(0), item(1), Completed(), Ended("envelope", 80), *CLOSE)
_FEWER: Final = (ASK, TCP, STARTED, item(0), Completed(), Ended("envelope", 80), *CLOSE)
_NEVER: Final = (ASK, TCP, waited("finite_ms", 30_000), *CLOSE)
_REFUSED: Final = (ASK, TCP, Failed("INVALID_ARGUMENT"), EOF)


def _cut(*answers: tuple[Event, ...], first: tuple[Event, ...] = _USUAL) -> History:
    """By hand: two streams that are opened in one piece, then some in segments."""
    rounds = enumerate((first, _USUAL, *answers), 1)
    rows = (row for n, events in rounds for row in told(f"finite-{n}", *events, start_ms=40_000.0 * n))
    return carried(*rows, binding="tcp", asks={f"finite-{n + 3}": Ask(pieces=1) for n in range(len(answers))})


_ECHO: Final = (ASK, TCP, STARTED, Did("say"), item(0))
_PARTS: Final[tuple[Event, ...]] = tuple(writes(name) for name in APART)


def _segmented(*rounds: tuple[Event, ...]) -> History:
    rows: list[Row] = []
    for n, events in enumerate(rounds, 1):
        rows += told(f"{SEGMENTS}{n}", *_ECHO, *events, start_ms=9_000.0 * n)
    return carried(*rows, binding="tcp", direction="bidi")


_THREE: Final[tuple[Event, ...]] = (writes(TOGETHER), item(1, 1), item(2, 2), item(3, 3), *CLOSE)
_ONE: Final[tuple[Event, ...]] = (*_PARTS, item(1, 1), *CLOSE)

TC_02 = Rule(
    id="TC-02",
    level=Level.MUST,
    sentence="The length and the body of a frame may come in any segments.",
    source="RFC 9293 §3.8 (a stream of octets); profile",
    why="A reader that takes a segment for a frame works on one machine, and fails behind a slow link.",
    needs=("mux", "role:finite", "seq"),
    on=("tcp",),
    check=frames_may_be_cut,
    good=(
        _cut(_USUAL, _USUAL, _USUAL),
        # not deterministic; and lost once
        _cut(_FEWER, first=_FEWER),
        _cut(_USUAL, _NEVER, _USUAL),
        _cut(_NEVER, _NEVER),
        _segmented(_ONE, (*_PARTS, EOF), _ONE),
    ),
    bad=(
        _segmented(*((*_PARTS, EOF),) * 3),
        _cut(_USUAL, _FEWER),
        _cut(_NEVER, _NEVER, _NEVER),
        _cut(_REFUSED, _REFUSED, _REFUSED),
    ),
)


# -- several in one segment, one in several ----------------------------------------------------------------------------


def segments_do_not_matter(h: History) -> Iterator[Finding]:
    yield from each_time(_of_segments(h, TOGETHER), "three in one segment were not read")
    yield from each_time(_of_segments(h, APART[0]), "an item in segments was not read")


def _of_segments(h: History, name: str) -> list[Finding]:
    return [_read(h, session, write) for session in streams(h, SEGMENTS) for write in wrote(h, session, name)[:1]]


def _read(h: History, session: str, write: Record) -> Finding:
    due = 3 if name_of(write) == TOGETHER else 1
    items = standing.items(h, session)
    before, came = [r for r in items if r.index < write.index], after(items, write)
    wanted = f"{due} echoed, as when each frame has a segment to itself"
    if not before:
        return unknown("it had echoed nothing before")
    if len(came) >= due:
        return held(before[-1], write, came[due - 1])
    end = their_end(h, session, write) or next(iter(after(standing.terminals(h, session), write)), None)
    over = end or silent(h, session, write)
    if not over:
        return unknown("we left before it could be echoed")
    got = f"{len(came)}, and {'an end' if end else 'nothing more'}"
    return broken(before[-1], write, over, expected=wanted, got=got)


TC_07 = Rule(
    id="TC-07",
    level=Level.MUST,
    sentence="Several frames in one segment and one frame in several are read alike.",
    source="RFC 9293 §3.8 (a stream of octets); profile",
    why="Under load segments join and split as they like: what is lost then is lost without a word.",
    needs=("mux", "direction:bidi", "feature:echo"),
    on=("tcp",),
    check=segments_do_not_matter,
    good=(
        _segmented(_THREE, _THREE, _THREE),
        _segmented(_ONE, _ONE, _ONE),
        _segmented(_THREE, (writes(TOGETHER), item(1, 1), *_DEAF), _THREE),
        carried(*told(f"{SEGMENTS}1", ASK, TCP, STARTED, writes(TOGETHER), *_DEAF), binding="tcp"),
    ),
    bad=(
        _segmented(*((writes(TOGETHER), item(1, 1), *_DEAF),) * 3),
        _segmented(*((*_PARTS, EOF),) * 3),
        _segmented(*((*_PARTS, *_DEAF),) * 3),
        _segmented(*((*_PARTS, Failed("INVALID_ARGUMENT"), EOF),) * 3),
    ),
)
