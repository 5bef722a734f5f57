"""OI-13: whether a content coding changes what is streamed. The finite stream is read without one, under one, and
without again: what the two without show alike is what the one under the coding owes.

Never here: when an item comes under a coding (`promptness`), or whether a coding was asked for (`http_bodies`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Deviation, Ended, Failed, Item, Opened
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, chunked, item, told, written
from streamspec.harness.rules._wire import HTTP, ROOTS, deviations, unread, why_unlike, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_FAULTS: Final = ("coding.invalid", "coding.cut")
CONTROLS: Final = 2


def coding_changes_nothing(h: History) -> Iterator[Finding]:
    """Without two controls that agree nothing is known of what is due; an answer without a coding is no fault."""
    offered = [s for s in h.sessions("finite") if standing.offered(h, s)]
    controls = [s for s in h.sessions("finite") if s not in offered]
    if not offered:
        return
    if reason := next((r for s in controls if (r := _why_not_whole(h, s))), ""):
        yield unknown(reason)
        return
    key = _comparable(h, controls)
    if not key:
        yield unknown("finite is not answered alike twice: nothing to compare a coded answer with")
        return
    for session in offered:
        faults = deviations(h, session, *_FAULTS) if standing.whole(h, session) else ()
        if faults:
            yield broken(faults, standing.whole(h, session), expected="a body in its coding", got=worded(faults[0]))
        elif reason := _why_not_whole(h, session):
            yield unknown(reason)
        else:
            yield _compared(h, controls[0], session, key)


def _why_not_whole(h: History, session: str) -> str:
    if reason := why_unlike(h, session):
        return reason
    if skipped := unread(h, session):
        return f"not all of it was read: {worded(skipped)}"
    if h.first(Failed, session):
        return f"{h.role(session)} ended with an error"
    seen = standing.whole(h, session) and standing.seen_whole(h, session)
    return "" if seen else f"{h.role(session)} was not seen whole"


def _payload(item: Item) -> object:
    return item.kind, item.sha


def _number(item: Item) -> object:
    return item.seq


def _keys(h: History, session: str, key: Callable[[Item], object]) -> list[object]:
    return [key(r.event) for r in standing.items(h, session) if isinstance(r.event, Item)]


def _comparable(h: History, controls: Sequence[str]) -> Callable[[Item], object] | None:
    """By what two answers can be compared: the payloads of their items or, since those may carry the time, their
    numbers. None where even the controls differ."""
    if len(controls) < CONTROLS:
        return None
    for key in (_payload, _number):
        due = _keys(h, controls[0], key)
        if due and None not in due and all(_keys(h, s, key) == due for s in controls[1:]):
            return key
    return None


def _compared(h: History, control: str, session: str, key: Callable[[Item], object]) -> Finding:
    due, came = _keys(h, control, key), _keys(h, session, key)
    items = standing.items(h, session)
    if due == came:
        return held(standing.items(h, control)[-1], items[-1])
    if not standing.coded(h, session):
        return unknown("the answer was not coded, and yet unlike those before and after it")
    place = next((n for n, (a, b) in enumerate(zip(due, came, strict=False)) if a != b), min(len(due), len(came)))
    got = f"{len(came)} items, unlike from item {place} on"
    evidence = (h.first(Opened, session), items[place : place + 1])
    return broken(*evidence, expected=f"the same {len(due)} items as without a coding", got=got)


_GZIP: Final = ("Content-Encoding", "gzip")
_THREE: Final = (item(0), item(1), item(2), ENDED, EOF)


def _seen(*coded: Event, without: tuple[Event, ...] = _THREE, after: tuple[Event, ...] = _THREE) -> History:
    """A control, an answer to a request that offers gzip, a control."""
    return written(
        *told("finite-1", ASK, chunked("ndjson"), *without),
        *told("finite-2", ASK, *coded, start_ms=100),
        *told("finite-3", ASK, chunked("ndjson"), *after, start_ms=200),
        binding="ndjson",
        asks={"finite-2": Ask(coding="gzip")},
    )


def _timed(n: int, at: int) -> Item:
    """An item that carries the time."""
    return Item(n, 20, f"{at:016x}", f'{{"n":{n},"at":{at}}}', 20 * n, seq=n)


_CODED: Final = chunked("ndjson", _GZIP)

OI_13 = Rule(
    id="OI-13",
    level=Level.MUST,
    sentence="Under a content coding that was offered, the items are the same.",
    source="RFC 9110 §8.4; RFC 1952",
    why="Most clients offer gzip without being told: what is lost there is lost for all but curl.",
    needs=("role:finite",),
    after=ROOTS,
    check=coding_changes_nothing,
    good=(
        _seen(_CODED, *_THREE),
        # no coding is no fault
        _seen(chunked("ndjson"), *_THREE),
        # items that carry the time are compared by their numbers
        _seen(_CODED, _timed(1, 5), ENDED, EOF, without=(_timed(1, 4), ENDED, EOF), after=(_timed(1, 6), ENDED, EOF)),
        # another answer each time: nothing to compare with
        _seen(_CODED, *_THREE, after=_THREE[1:]),
        # a coding that was not offered cannot be read; a cut, and a limit of ours
        _seen(chunked("ndjson", ("Content-Encoding", "br")), ENDED, EOF),
        _seen(_CODED, item(0), Deviation("coding.cut", 20), EOF),
        _seen(_CODED, item(0), Deviation("coding.too-large", 20), ENDED, EOF),
        _seen(_CODED, item(0), *CLOSE),
        # changed, and not by a coding
        _seen(chunked("ndjson"), item(0), ENDED, EOF),
    ),
    bad=(
        _seen(_CODED, item(0), item(2), ENDED, EOF),
        _seen(_CODED, item(0), ENDED, EOF),
        _seen(_CODED, item(0), Deviation("coding.invalid", 20), ENDED, EOF),
        _seen(_CODED, *_THREE[:3], Deviation("coding.cut", 60), ENDED, EOF),
        _seen(_CODED, Ended("chunked", 20), EOF),
    ),
    on=HTTP,
)
