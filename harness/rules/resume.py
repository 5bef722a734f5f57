"""RC: going on behind the id that a client was given last, and the ids for it (HTML §9.2.3, §9.2.4, §9.2.6).

An id is an opaque word. Where items stand is told by the numbers that the target declared, or by an uninterrupted
reading of the same stream; where neither tells, a gap is not known. Never here: ids that are unknown or at the end
(`resume_edges`), or the client's side of a reconnect.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Deviation, Did, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import CUT, Ask
from streamspec.harness.core.written import ASK, CANCEL, CLOSE, ENDED, EOF, head, item, told, written
from streamspec.harness.rules._resumes import fresh, given, id_of, marked, reading, resumed, words
from streamspec.harness.rules._wire import ROOTS, why_unlike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

    Place = Callable[[Item], int | None]

_ON: Final = ("sse",)
_LEAST: Final = 3  # numbers in a row before they are taken for a count


# -- no gap, no repeat -------------------------------------------------------------------------------------------------


def _numbers(h: History) -> bool:
    """Whether the declared field counts by one in every stream that began anew."""
    readings = [[event.seq for _, event in marked(h, session)] for session in fresh(h)]
    known = [[n for n in reading if n is not None] for reading in readings]
    long_enough = any(len(reading) >= _LEAST for reading in readings)
    return known == readings and long_enough and all(b - a == 1 for reading in known for a, b in pairwise(reading))


def _order(h: History) -> Mapping[str, int]:
    """Where each id stands in the longest reading that nobody interrupted; empty when that repeats one."""
    ids = max(([event.id for _, event in marked(h, session)] for session in fresh(h)), key=len, default=[])
    return {name: place for place, name in enumerate(ids)} if len(set(ids)) == len(ids) else {}


def goes_on_behind_the_id(h: History) -> Iterator[Finding]:
    """A repeat is legal where no more than at-least-once was declared; a gap never is."""
    guarantee = h.declared("resumable", "guarantee")
    if guarantee not in {"exactly-once", "at-least-once"}:
        return
    order = _order(h)
    place: Place = (lambda event: event.seq) if _numbers(h) else (lambda event: order.get(event.id))
    for session in resumed(h):
        last = given(h, standing.ask_of(h, session).after)
        if reason := why_unlike(h, session):
            yield unknown(reason)
        elif not last:
            yield unknown("no item carried an id, or more came than we keep: the id to resume behind is not known")
        elif guarantee == "exactly-once" and (again := _repeat(h, session, last[0], numbers=_numbers(h))):
            expected = f"the item right behind id {id_of(last[0])}"
            yield broken(last[0], again, expected=expected, got=f"id {id_of(again)} again")
        else:
            owes = order.get(last[1].id, len(order)) < len(order) - 1
            yield _gap(h, session, last, place, owes=owes)


def _repeat(h: History, session: str, last: Record, *, numbers: bool) -> Record | None:
    """The first item that this client had been given already."""
    had = {event.seq if numbers else event.id for r, event in marked(h, last.session) if r.index <= last.index}
    return next((r for r, event in marked(h, session) if (event.seq if numbers else event.id) in had), None)


def _gap(h: History, session: str, last: tuple[Record, Item], place: Place, *, owes: bool) -> Finding:
    """Whether the item right behind the given one is the first of those that came from behind it. `owes`: another
    reading had items behind it, so that an end without any is a gap too."""
    record, behind = last[0], place(last[1])
    came = [(r, place(event)) for r, event in marked(h, session)]
    expected = f"the item right behind id {id_of(record)}"
    if behind is None:
        return unknown("ids differ from connection to connection: what is due behind one is not known", record)
    ahead = next(((r, there) for r, there in came if there is not None and there > behind), None)
    over = next(iter(standing.theirs(h, Completed, session)), None)
    if ahead and ahead[1] == behind + 1:
        return held(record, ahead[0])
    if ahead:
        got = f"id {id_of(ahead[0])}, {ahead[1] - behind - 1} items later"
        return broken(record, ahead[0], expected=expected, got=got)
    if over and not came and owes:
        return broken(record, over, expected=expected, got="the end, without an item")
    return unknown("nothing that was known to stand behind the id came while we read", record)


_ONCE: Final[dict[str, str | int | bool]] = {"resumable.guarantee": "exactly-once", "profile.terminal": True}
_LEAST_ONCE: Final = _ONCE | {"resumable.guarantee": "at-least-once"}
_BEAT: Final = Item(2, 2, "0", "{}", 40, "heartbeat", id="h")
_AFTER: Final = {"resumable-3": Ask(after="resumable-2")}


def _numbered(*numbers: int) -> tuple[Item, ...]:
    return tuple(item(n, number, mark=f"{number}") for n, number in enumerate(numbers))


def _resumed(
    *came: Event,
    whole: tuple[Event, ...] = words("a", "b", "c", "d", "e"),
    cut: tuple[Event, ...] = words("a", "b"),
    declared: Mapping[str, str | int | bool] = _ONCE,
) -> History:
    """One reading, one that we cut, and one that resumes behind the second."""
    return written(
        *told("resumable-1", ASK, head(), *whole, *CLOSE),
        *told("resumable-2", ASK, head(), *cut, *CANCEL, start_ms=100),
        *told("resumable-3", ASK, *came, start_ms=200),
        declared=declared,
        asks=_AFTER,
    )


def _all_at_once(*came: Event) -> History:
    """The target sends all it has in one piece, and the reading that is cut asked for two items of it."""
    return reading(_resumed(*came, cut=(*words("a", "b", "c", "d", "e"), Completed(), ENDED)), "resumable-2", 2)


def _cut_by_our_proxy(*came: Event) -> History:
    cut: tuple[Event, ...] = (Did(f"{CUT}limit_data"), Deviation("sse.unterminated", 60), Closed("ours"))
    h = written(
        *told("resumable-1", ASK, head(), *words("a", "b", "c", "d", "e"), *CLOSE),
        *told("resumable-2", ASK, head(), *words("a", "b"), *cut, start_ms=100),
        *told("resumable-3", ASK, *came, start_ms=200),
        declared=_ONCE,
        asks=_AFTER,
    )
    return reading(h, "resumable-2", 0)


RC_02 = Rule(
    id="RC-02",
    level=Level.MUST,
    sentence="A resumed stream goes on right behind the id that was given: no gap, and no repeat if none is declared.",
    source="HTML §9.2.4 (Last-Event-ID); the declared guarantee; MCP Streamable HTTP 'Resumability'",
    why="What happened while the connection was down is lost, or is charged twice.",
    needs=("role:resumable.guarantee",),
    after=(*ROOTS, "RC-11", "OI-01", "OI-03"),
    on=_ON,
    check=goes_on_behind_the_id,
    good=(
        _resumed(head(), *words("c", "d"), *CLOSE),
        _resumed(head(), *_numbered(3, 4), *CLOSE, whole=_numbered(1, 2, 3), cut=_numbered(1, 2)),
        # a greeting and a heartbeat ahead
        _resumed(head(), Item(0, 2, "0", "{}", 0, "connected"), *words("c"), *CLOSE),
        # at least once: from the beginning, and without a gap
        _resumed(head(), *words("a", "b", "c"), *CLOSE, declared=_LEAST_ONCE),
        # a heartbeat with an id is not sent again
        _resumed(head(), *words("c"), *CLOSE, whole=(*words("a", "b"), _BEAT, *words("c", "d", first=3))),
        # a live stream: other ids on each connection
        _resumed(head(), *words("y"), *CLOSE, cut=words("x")),
        # everything had come before we left
        _resumed(head(), Completed(), ENDED, EOF, cut=words("a", "b", "c", "d", "e")),
        _all_at_once(head(), *words("c", "d", "e"), Completed(), ENDED, EOF),
        # refused
        _resumed(head(status=412), ENDED, EOF),
        # our proxy cut it in the middle of an event, of which only half came
        _cut_by_our_proxy(head(), *words("c", "d"), *CLOSE),
    ),
    bad=(
        _resumed(head(), *words("d", "e"), *CLOSE),
        _resumed(head(), *words("b", "c"), *CLOSE),
        _resumed(head(), *words("a", "b", "c"), *CLOSE),
        # at least once, and yet a gap
        _resumed(head(), *words("a", "d"), *CLOSE, declared=_LEAST_ONCE),
        _resumed(head(), *_numbered(4, 5), *CLOSE, whole=_numbered(1, 2, 3), cut=_numbered(1, 2)),
        _resumed(head(), Completed(), ENDED, EOF),
        _all_at_once(head(), *words("a", "b", "c", "d", "e"), Completed(), ENDED, EOF),
        _all_at_once(head(), *words("d", "e"), Completed(), ENDED, EOF),
        # what was under way when our proxy cut it counts as received
        _cut_by_our_proxy(head(), *words("d", "e"), *CLOSE),
    ),
)


# -- ids that can be resumed behind ------------------------------------------------------------------------------------


def ids_are_there_and_unique(h: History) -> Iterator[Finding]:
    """An event of a kind that never carries an id (a greeting, a heartbeat) is none to resume behind."""
    for session in h.sessions("resumable"):
        items = [(r, r.event) for r in standing.items(h, session) if isinstance(r.event, Item)]
        with_ids = {event.kind for _, event in items if event.id}
        bare = [r for r, event in items if not event.id and (event.kind in with_ids or not with_ids)]
        twice = {name for name, n in Counter(event.id for _, event in items if event.id).items() if n > 1}
        repeats = [r for r, event in items if event.id in twice]
        if not items:
            yield unknown(why_unlike(h, session) or "no item came while we looked")
        elif bare:
            yield broken(bare[:3], expected="an id on every event", got=f"{len(bare)} of {len(items)} without one")
        elif repeats:
            yield broken(repeats[:3], expected="an id once", got=f"id {id_of(repeats[0])} again")
        elif len(items) > 1:
            yield held(items[0][0], items[-1][0])
        else:
            yield unknown("one item came: nothing to compare its id with")


RC_11 = Rule(
    id="RC-11",
    level=Level.SHOULD,
    sentence="Every event of a resumable stream carries an id, and no two the same.",
    source="HTML §9.2.6 (id); seed 003 'SSE Structure'",
    why="A client resumes behind the last id that it saw: without one it starts anew, with a repeated one in between.",
    needs=("role:resumable",),
    after=(*ROOTS, "OI-03"),
    on=_ON,
    check=ids_are_there_and_unique,
    good=(
        written(*told("resumable", ASK, head(), *words("a", "b"), *CLOSE)),
        # a greeting and named heartbeats carry none
        written(
            *told(
                "resumable",
                ASK,
                head(),
                Item(0, 2, "0", "{}", 0, "connected"),
                *words("a", "b", first=1),
                item(3, kind="ping"),
                *CLOSE,
            )
        ),
    ),
    bad=(
        written(*told("resumable", ASK, head(), *words("a", "b", "a"), *CLOSE)),
        written(*told("resumable", ASK, head(), *words("a"), *words("")[:1], *CLOSE)),
        written(*told("resumable", ASK, head(), item(0), item(1), *CLOSE)),
    ),
)
