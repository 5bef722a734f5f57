"""TC: frames that are in no order: a body that is no message, a length that is none, a frame that never comes.

Never here: frames in order, however they are cut (`framed`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.event import Expired, Meta
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, item, told
from streamspec.harness.rules._accounts import stood_still_ourselves
from streamspec.harness.rules._carriers import EOF, STARTED, TCP, answer_to, carried, waited, writes, wrote
from streamspec.harness.rules._neighbours import LIVES, all_kept, answered, neighbours_live, unread
from streamspec.harness.rules._neighbours import beside as _beside
from streamspec.harness.rules._neighbours import writing as _writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

GARBAGE: Final = ("tcp-garbage", "tcp-array", "tcp-no-type")
# A body that few expect, and frames that are never whole: what becomes of their connection is nobody else's matter.
ODD: Final = ("tcp-empty", "tcp-nested", "tcp-no-id", "tcp-half-prefix", "tcp-half-frame")
LENGTHS: Final = ("tcp-prefix-80000000", "tcp-prefix-ffffffff")  # where signed and unsigned readers differ
BEYOND: Final = "tcp-prefix-16m1"
BEYOND_BYTES: Final = 16_777_217
BEGUN: Final = "tcp-slow-frame"  # and then an octet now and then
_LIMIT: Final = "declares.limit_bytes"
_FRAME_MS: Final = "declares.frame_timeout_ms"
_SELDOM_MS: Final = 2_000  # between two looks of a timer
_NOTHING: Final = (item(0), waited(), *CLOSE)
_ENDS: Final = (EOF,)
_TOLD: Final = (Meta("error"), waited(), *CLOSE)


def beside(*neighbours: tuple[Event, ...], name: str = GARBAGE[0], answer: tuple[Event, ...] = _TOLD) -> History:
    anew = (ASK, TCP, item(0), *CLOSE)
    return _beside(*neighbours, name=name, opened=TCP, anew=anew, binding="tcp", answer=answer)


def writing(*answers: tuple[Event, ...], name: str = GARBAGE[0]) -> History:
    return _writing(*answers, name=name, opened=TCP, binding="tcp")


def declared(h: History, value: int, name: str = _LIMIT) -> History:
    """The same history, of a target that declares this."""
    return replace(h, header=replace(h.header, declared={**h.header.declared, name: value}))


# -- bodies ------------------------------------------------------------------------------------------------------------


def garbage_is_answered(h: History) -> Iterator[Finding]:
    told_ = answered(h, GARBAGE, "an error, or an end of the connection")
    yield from all_kept(neighbours_live(h, *GARBAGE, *ODD), told_)


TC_05 = Rule(
    id="TC-05",
    level=Level.MUST,
    sentence="A frame whose body is no message is answered by an error or an end of its connection; others live on.",
    source="profile; docs/contract.md; seed 002 'WebSocket Streaming'",
    why="Whoever made the mistake must learn of it, and nobody else: others are in the middle of their streams.",
    needs=("mux", "concurrent", "role:endless"),
    on=("tcp",),
    check=garbage_is_answered,
    good=(
        beside(LIVES, LIVES, LIVES),
        beside(LIVES, LIVES, LIVES, answer=_ENDS),
        beside(LIVES, (EOF,), LIVES),
        beside(*((Expired("item_ms", 5_000), *CLOSE),) * 3),
        writing(_NOTHING, _NOTHING, _TOLD),
        unread(*_NOTHING, name=GARBAGE[0], opened=TCP, binding="tcp"),
    ),
    bad=(
        *(beside((EOF,), (EOF,), (EOF,), name=name) for name in (*GARBAGE, *ODD)),
        *(writing(_NOTHING, _NOTHING, _NOTHING, name=name) for name in GARBAGE),
    ),
)


# -- lengths -----------------------------------------------------------------------------------------------------------


def too_long_is_refused(h: History) -> Iterator[Finding]:
    """Of a target whose limit is below that length, and before there is a body."""
    limit = h.header.declared.get(_LIMIT)
    if isinstance(limit, int) and limit < BEYOND_BYTES:
        yield from answered(h, (BEYOND,), "an error, or an end of the connection, before the body")
    else:
        yield unknown("its limit is above what was announced, or not declared")


TC_03 = Rule(
    id="TC-03",
    level=Level.MUST,
    sentence="A length above the limit is answered, or its connection closed, before the body is sent.",
    source="docs/contract.md (limit_bytes); profile",
    why="A server that waits for it holds the room, or the connection, for whatever a client announces.",
    needs=("mux", "feature:limit_bytes"),
    on=("tcp",),
    check=too_long_is_refused,
    good=(
        declared(writing(_ENDS, _ENDS, _ENDS, name=BEYOND), 1_048_576),
        declared(writing(_TOLD, name=BEYOND), 1_048_576),
        declared(writing(_NOTHING, _NOTHING, _ENDS, name=BEYOND), 1_048_576),
        # it takes so much; or never said
        declared(writing(_NOTHING, _NOTHING, _NOTHING, name=BEYOND), 67_108_864),
        writing(_NOTHING, _NOTHING, _NOTHING, name=BEYOND),
    ),
    bad=(declared(writing(_NOTHING, _NOTHING, _NOTHING, name=BEYOND), 1_048_576),),
)


def impossible_lengths_are_refused(h: History) -> Iterator[Finding]:
    """Where no limit is declared, only that others live."""
    live = neighbours_live(h, *LENGTHS)
    if isinstance(h.header.declared.get(_LIMIT), int):
        yield from all_kept(live, answered(h, LENGTHS, "an error, or an end of the connection"))
    else:
        yield from live


TC_10 = Rule(
    id="TC-10",
    level=Level.MUST,
    sentence="Lengths of 0x80000000 and 0xFFFFFFFF are refused, and connections of others live on.",
    source="docs/contract.md (limit_bytes); profile",
    why="Read as signed they are negative, read as unsigned they are gigabytes: four octets bring the server down.",
    needs=("mux", "concurrent", "role:endless"),
    on=("tcp",),
    check=impossible_lengths_are_refused,
    good=(
        beside(LIVES, LIVES, LIVES, name=LENGTHS[0], answer=_ENDS),
        beside(LIVES, LIVES, LIVES, name=LENGTHS[1], answer=_TOLD),
        # it waits for so much, and never said that it would not
        writing(_NOTHING, _NOTHING, _NOTHING, name=LENGTHS[0]),
        beside(LIVES, (EOF,), LIVES, name=LENGTHS[0]),
    ),
    bad=(
        beside((EOF,), (EOF,), (EOF,), name=LENGTHS[0]),
        *(declared(writing(_NOTHING, _NOTHING, _NOTHING, name=name), 1_048_576) for name in LENGTHS),
        declared(beside(*(((EOF,),) * 3), name=LENGTHS[1], answer=(EOF,)), 1_048_576),
    ),
)


# -- frames that never come --------------------------------------------------------------------------------------------


def slow_frames_time_out(h: History) -> Iterator[Finding]:
    """An octet now and then is no whole frame: the time runs from its first one. Half as much again, and some time for
    a timer that looks seldom, is still in time."""
    slow = [_timed_out(h, session, write) for session in h.sessions() for write in wrote(h, session, BEGUN)[:1]]
    yield from all_kept(neighbours_live(h, BEGUN), slow)


def _timed_out(h: History, session: str, write: Record) -> Finding:
    declared_ms = h.header.declared.get(_FRAME_MS)
    if not isinstance(declared_ms, int):
        return unknown("it declares no such time")
    answer = answer_to(h, session, write)
    last = answer or h.records_of(session)[-1]
    waited_ms = (last.t_ns - write.t_ns) / 1e6
    late = waited_ms > 1.5 * declared_ms + _SELDOM_MS
    if answer and not late:
        return held(write, answer)
    if not late or stood_still_ourselves(h, write, last):
        return unknown("it was not seen for long enough, or this machine stood still")
    got = f"{'an end' if answer else 'nothing'}, {waited_ms / 1e3:.1f} s after the first octet"
    return broken(write, last, expected=f"an end, {declared_ms / 1e3:g} s after the first octet", got=got)


def _slow(*then: Event, after_ms: float = 12_000, neighbour: tuple[Event, ...] = LIVES) -> History:
    """A frame of which an octet comes every second, and what came so long after its first."""
    rows: list[Row] = [
        *told("endless-beside-1", ASK, TCP, item(0), item(1)),
        *told(f"look-{BEGUN}-1", ASK, TCP, STARTED, writes(BEGUN), start_ms=10),
        *((f"look-{BEGUN}-1", 1_000.0 * n, writes("tcp-octet")) for n in range(1, int(after_ms / 1_000))),
        *told(f"look-{BEGUN}-1", *then, start_ms=after_ms),
        *told("look-after-1", ASK, TCP, item(0), *CLOSE, start_ms=after_ms + 10),
        *told("endless-beside-1", *neighbour, start_ms=after_ms + 20),
    ]
    return carried(*rows, binding="tcp")


_LATE: Final = (waited("patience_ms", 15_000), *CLOSE)

TC_06 = Rule(
    id="TC-06",
    level=Level.SHOULD,
    sentence="A frame that comes an octet at a time is given up after the declared time, and others do not feel it.",
    source="profile; docs/contract.md (frame_timeout_ms)",
    why="A few hundred connections that never finish a frame keep everybody else out.",
    needs=("mux", "concurrent", "role:endless", "feature:frame_timeout_ms"),
    on=("tcp",),
    check=slow_frames_time_out,
    good=(
        declared(_slow(Meta("error"), EOF), 10_000, _FRAME_MS),
        declared(_slow(EOF, after_ms=3_000), 10_000, _FRAME_MS),
        # we did not wait for so long, or nothing is declared
        declared(_slow(*_LATE, after_ms=27_000), 30_000, _FRAME_MS),
        _slow(*_LATE, after_ms=27_000),
        declared(_slow(EOF, neighbour=(EOF,)), 10_000, _FRAME_MS),
    ),
    bad=(
        declared(_slow(*_LATE, after_ms=27_000), 10_000, _FRAME_MS),
        # it is given up, and much later
        declared(_slow(EOF, after_ms=27_000), 10_000, _FRAME_MS),
    ),
)
