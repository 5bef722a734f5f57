"""OI: items of every size, up to the largest that a server declares, and one that is larger.

A script says how large an item is; a server may spell its JSON a little longer, and so an item near the limit may be
over it. Never here: sizes that nobody promised.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Event, Expired, Failed, Item, Opened, Record
from streamspec.harness.core.history import History
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask, Script, Watch
from streamspec.harness.core.steps import Complete, Generate, Send, Step
from streamspec.harness.core.written import ASK, ENDED, EOF, RESET, chunked, item, retold
from streamspec.harness.rules._accounts import every_time
from streamspec.harness.rules._scripted_ends import ending, fell_silent, figure, scripted
from streamspec.harness.rules._scripted_items import asked, well_ended
from streamspec.harness.rules._wire import ROOTS, unread, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

# Up to here everybody sends an item, or says that he does not: 1 MiB and 4 MiB are common limits.
_ANYBODY_BYTES: Final = 65_536
_SMALL_BYTES: Final = 1_024  # of items that every server sends
_SPELLING_BYTES: Final = 64  # by which an item's JSON may be longer than was asked for


def _limit(h: History) -> int:
    """The largest item that is declared; 0 where none is."""
    declared = h.header.declared.get("declares.limit_bytes")
    return declared if isinstance(declared, int) else 0


def _largest(steps: tuple[Step, ...]) -> int:
    return max((step.bytes for step in steps if isinstance(step, Generate)), default=0)


# -- OI-07: sizes that must do -----------------------------------------------------------------------------------------


def every_size_arrives(h: History) -> Iterator[Finding]:
    """The control is a stream of small items that ends well: a server that cannot do that shows nothing here."""
    sized = [s for s in well_ended(h) if _largest(h.steps(s)) and _is_read_at_once(h, s)]
    small = [s for s in well_ended(h) if _largest(h.steps(s)) <= _SMALL_BYTES]
    if sized and not any(ending(h, session).how == "success" for session in small):
        yield unknown("no stream of small items ended well")
        return
    for session in sized:
        steps = h.steps(session)
        end, limit, largest = ending(h, session), _limit(h), _largest(steps)
        must = largest <= (limit - _SPELLING_BYTES if limit else _ANYBODY_BYTES)
        if end.how == "success" and not unread(h, session):
            yield from _of_their_size(h, session, steps, end.at)
        elif end.how == "failure" and must and not _is_refusal_of_the_script(end.at):
            yield broken(end.at, expected=f"items of up to {largest} octets", got=end.worded)
        elif skipped := unread(h, session):
            yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
        else:
            why = "" if must else f": {largest} octets are nothing that everybody must send"
            yield unknown(f"{end.worded}{why}", end.at)


def _is_read_at_once(h: History, session: str) -> bool:
    """Of a stream whose client stood still anything may come (BP)."""
    acts = h.acts(session)
    return not any(isinstance(act, Watch) or (isinstance(act, Ask) and act.narrow) for act in acts)


def _is_refusal_of_the_script(at: tuple[Record, ...]) -> bool:
    """A server that does not begin shows nothing of sizes, which are in the script's text and no matter of its head."""
    return any(isinstance(record.event, Opened) for record in at)


def _of_their_size(h: History, session: str, steps: tuple[Step, ...], end: tuple[Record, ...]) -> Iterator[Finding]:
    """Items that are shorter than they were asked for were cut. One that is missing is OI-02's."""
    came = {r.event.seq: r for r in standing.items(h, session) if isinstance(r.event, Item) and r.event.seq is not None}
    number, found = 0, 0
    for step in steps:
        for _ in range(len(step.items) if isinstance(step, Send) else step.n if isinstance(step, Generate) else 0):
            number += 1
            record = came.get(number)
            if not isinstance(step, Generate) or not record or not isinstance(record.event, Item):
                continue
            found += 1
            if record.event.size < step.bytes:
                yield broken(record, expected=f"an item of {step.bytes} octets", got=f"{record.event.size} octets")
                return
    if found and standing.seen_whole(h, session):
        yield held(standing.items(h, session)[0], end)
    else:
        yield unknown("no item of a known size came")


_DECLARED: Final[dict[str, str | int | bool]] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "declares.limit_bytes": 100_000,
}
_END: Final = (Completed(), ENDED, EOF)
_FAILED: Final = (Failed("RESOURCE_EXHAUSTED"), ENDED, EOF)
_HEAD: Final = (ASK, chunked("sse"))


def _sized(*octets: int) -> tuple[Step, ...]:
    return (*(Generate(1, size) for size in octets), Complete())


def _item(n: int, octets: int) -> Item:
    return Item(n, octets, f"{n}", f'{{"n":{n + 1}', 0, "", n + 1)


_WELL: Final = (_sized(0), (*_HEAD, item(0), *_END))
_BAD: Final = (*_HEAD, *_FAILED)


def _standing_still(h: History) -> History:
    """The same, read by clients that stood still."""
    return retold(h, lambda s: replace(s, acts=(*s.acts, Watch("steady_ms"))))


OI_07 = Rule(
    id="OI-07",
    level=Level.MUST,
    sentence="Items of every size arrive whole, of 64 KiB and, where a larger limit is declared, up to that.",
    source="declared limit_bytes (docs/contract.md); seed 000 (items are never altered)",
    why="Buffers have borders at 16 KiB and 64 KiB; an item that crosses one is cut, or ends the stream.",
    needs=("script", "feature:generate"),
    after=(*ROOTS, "OI-02", "SSE-24", "LC-14"),
    check=every_size_arrives,
    good=(
        scripted((_sized(0, 16_384, 65_536), (*_HEAD, item(0), _item(1, 16_384), _item(2, 65_540), *_END))),
        # larger than what everybody sends; than what is declared; and so near to it that its spelling may be over it
        scripted(_WELL, (_sized(65_537), (*_HEAD, *_FAILED))),
        scripted(_WELL, (_sized(100_001), _BAD), (_sized(99_999), _BAD), declared=_DECLARED),
        # an item that is missing is another rule's; and a server whose streams all fail says nothing of sizes
        scripted(_WELL, (_sized(16_384, 5), (*_HEAD, _item(1, 17), *_END))),
        scripted((_sized(5), _BAD), (_sized(16_384), _BAD)),
        _standing_still(scripted(_WELL, (_sized(16_384), (*_HEAD, RESET)))),
    ),
    bad=(
        scripted(_WELL, (_sized(16_385), (*_HEAD, _item(0, 16_384), *_END))),
        scripted(_WELL, (_sized(65_536), _BAD)),
        scripted(_WELL, (_sized(90_000), (*_HEAD, RESET)), declared=_DECLARED),
    ),
)


# -- OI-08: and what is too large --------------------------------------------------------------------------------------


def too_large_is_refused(h: History) -> Iterator[Finding]:
    limit = _limit(h)
    over = [s for s in asked(h) if limit and _largest(h.steps(s)) > limit]
    rounds = [finding for session in over for finding in _refused(h, session, limit)]
    timed = [finding for finding in rounds if finding.stance == "held" or finding.expected == _IN_TIME]
    yield from (finding for finding in rounds if finding not in timed)
    yield from every_time(timed, _IN_VAIN)
    for session in h.sessions():
        if over and session.startswith("script-neighbour"):
            yield from _lives_on(h, session, over)


_IN_TIME: Final = "the item is refused, and its stream fails"
_IN_VAIN: Final = "nothing came of an item that is too large"


def _refused(h: History, session: str, limit: int) -> Iterator[Finding]:
    steps, end = h.steps(session), ending(h, session)
    numbers = {r.event.seq: r for r in standing.items(h, session) if isinstance(r.event, Item)}
    number = 1 + next(n for n, step in enumerate(steps) if isinstance(step, Generate) and step.bytes > limit)
    delivered = numbers.get(number) or next(
        (r for r in standing.items(h, session) if isinstance(r.event, Item) and r.event.size > limit), None
    )
    if delivered and isinstance(delivered.event, Item):
        cut = "" if delivered.event.size > limit else ", cut"
        got = f"{delivered.event.size} octets delivered{cut}"
        yield broken(delivered, expected=f"nothing of an item of more than {limit} octets", got=got)
    elif skipped := unread(h, session):
        yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
    elif number > 1 and not numbers.get(number - 1):
        yield unknown("the items ahead of it did not come", end.at)
    elif end.how == "failure":
        yield held(end.at)
    elif end.how == "success" and not figure(h, session, "refused"):
        yield broken(end.at, expected=f"an error, since an item of more than {limit} octets was sent", got=end.worded)
    elif end.how == "open" and (silent := fell_silent(h, session)):
        yield broken(end.at, silent, expected=_IN_TIME, got=end.worded)
    else:
        yield unknown(end.worded, end.at)


def _lives_on(h: History, session: str, over: list[str]) -> Iterator[Finding]:
    """A stream beside those: nothing may end it but its own script."""
    refused = [ending(h, other).at for other in over]
    asked_for = min((r.index for other in over for r in h.records_of(other)), default=0)
    last = max((at[-1].index for at in refused if at), default=-1)
    failed = (r for r in standing.terminals(h, session) if isinstance(r.event, Failed))
    lost = standing.cut(h, session) or standing.reset(h, session) or next(failed, None)
    later = next((r for r in standing.items(h, session) if r.index > last), None)
    if lost and lost.index > asked_for:
        yield broken(lost, expected="the stream beside it goes on", got="it ended as well")
    elif later and last >= 0:
        yield held(later)
    else:
        yield unknown("nothing came beside it afterwards")


_OVER: Final = _sized(0, 100_001)
_FIRST: Final = (*_HEAD, item(0))
_GOES_ON: Final = (Generate(every_ms=5),)
_SILENT: Final = (*_FIRST, Expired("failing_ms", 5_000))


def _beside(over: tuple[Event, ...], *neighbour: Event) -> History:
    """A stream that fails, and one beside it."""
    h = scripted((_OVER, over), (_GOES_ON, (*_FIRST, *neighbour)), declared=_DECLARED)
    names = {"script-1": "script-over", "script-2": "script-neighbour"}
    sessions = tuple(replace(s, id=names[s.id], options=MappingProxyType({})) for s in h.header.script.sessions)
    records = tuple(replace(r, session=names[r.session]) for r in h.records)
    return History(replace(h.header, script=Script(sessions)), records)


OI_08 = Rule(
    id="OI-08",
    level=Level.MUST,
    sentence="An item above the declared limit is refused soon, no part of it is delivered, and nobody else suffers.",
    source="declared limit_bytes (docs/contract.md); gRPC status codes RESOURCE_EXHAUSTED",
    why="Half of an item is worse than none, and one large item must not end the streams of everybody.",
    needs=("script", "feature:limit_bytes"),
    after=ROOTS,
    check=too_large_is_refused,
    good=(
        scripted((_OVER, (*_FIRST, *_FAILED)), (_OVER, (*_FIRST, RESET)), declared=_DECLARED),
        _beside((*_FIRST, *_FAILED), item(1), item(2)),
        # twice nothing came, which may have any reason
        scripted((_OVER, _SILENT), (_OVER, _SILENT), (_OVER, (*_FIRST, *_FAILED)), declared=_DECLARED),
    ),
    bad=(
        scripted((_OVER, (*_FIRST, _item(1, 100_001), *_END)), declared=_DECLARED),
        scripted((_OVER, (*_FIRST, _item(1, 100_000), *_END)), declared=_DECLARED),
        scripted((_OVER, (*_FIRST, *_END)), declared=_DECLARED),
        scripted(*[(_OVER, _SILENT)] * 3, declared=_DECLARED),
        _beside((*_FIRST, *_FAILED), item(1), RESET),
    ),
)
