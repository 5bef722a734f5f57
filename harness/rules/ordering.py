"""OI: items arrive in order, once, unaltered, none lost.

Order and loss are read from the field that the target declared as counting (`seq`), never from equal payloads.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Elided, Failed, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.steps import Complete, Generate
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, RESET, chunked, head, item, told, written
from streamspec.harness.core.written_calls import (
    SETTLED,
    back,
    begun,
    done,
    end,
    failed,
    played,
    refused,
    send,
    sends,
    take,
    takes,
)
from streamspec.harness.core.written_calls import item as received
from streamspec.harness.rules import _scripted_items, ordering_objects
from streamspec.harness.rules._endings import each
from streamspec.harness.rules._scripted_ends import THREE, WELL, both, scripted
from streamspec.harness.rules._wire import RECORD_ERRORS, ROOTS, features, is_record_error, unread, why_unlike, worded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History

_COUNTING: Final = ("finite", "endless", "resumable")
_SHOWN: Final = 5
_SCRIPT: Final = (Generate(3), Complete())


def _counting(h: History) -> Iterator[str]:
    """Streams that count from their beginning: a resume may repeat (RC-02), and begins anywhere. Under an id that has
    two streams nobody can tell whose an item is (MX-03)."""
    for session in h.sessions(*_COUNTING):
        resumes = any(isinstance(act, Ask) and (act.after or act.behind) for act in h.acts(session))
        if not resumes and not standing.is_doubled(h, session):
            yield session
    yield from _scripted_items.counting(h)


def _numbered(h: History, session: str) -> tuple[tuple[Record, int], ...]:
    """Items with their sequence numbers; items without one show nothing about order."""
    found = ((r, r.event.seq) for r in standing.items(h, session) if isinstance(r.event, Item))
    return tuple((record, seq) for record, seq in found if seq is not None)


def _first_seen(numbered: tuple[tuple[Record, int], ...]) -> Iterator[tuple[Record, int]]:
    """Repeats are OI-03's; order is that of first arrivals."""
    seen: set[int] = set()
    for record, seq in numbered:
        if seq not in seen:
            seen.add(seq)
            yield record, seq


def in_send_order(h: History) -> Iterator[Finding]:
    yield from each(ordering_objects.in_send_order)(h)
    for session in _counting(h):
        arrivals = tuple(_first_seen(_numbered(h, session)))
        if len(arrivals) < 2:
            yield unknown(standing.not_opened(h, session) or "fewer than two items carried a sequence number")
            continue
        late = next(((a, b) for a, b in pairwise(arrivals) if b[1] < a[1]), None)
        if late:
            (first, ahead), (second, behind) = late
            yield broken(first, second, expected=f"{behind} before {ahead}", got=f"{ahead}, then {behind}")
        elif not standing.seen_whole(h, session):
            yield unknown("more items came than we keep")
        else:
            yield held(arrivals[0][0], arrivals[-1][0])


OI_01 = Rule(
    id="OI-01",
    level=Level.MUST,
    sentence="Items arrive in the order in which they were sent.",
    source="seed 000; seed 002; gRPC core concepts 'message ordering'",
    why="Consumers apply items as they come: a swapped pair is a wrong state that nobody notices.",
    needs=("wire|object", "seq"),
    after=ROOTS,
    check=in_send_order,
    good=(
        written(*told("finite", ASK, head(), item(0, 1), item(1, 2), item(2, 3), ENDED, EOF)),
        # a repeat is OI-03's finding, a gap OI-02's: neither is disorder
        written(*told("endless", ASK, head(), item(0, 1), item(1, 2), item(2, 1), item(3, 5), *CLOSE)),
        written(*told("finite", ASK, chunked("ndjson"), item(0), item(1), ENDED, EOF), binding="ndjson"),
        played(sends(0, 1, 3), takes(3, 0, 1, 3)),
        # of two receives at once either may be written down first
        played(
            *(sends(0, 1, 2), begun(2, "receive", "slow"), take(3, 0, 2), take(2, 1, 1, by="slow")[1:]),
            kind="threads",
        ),
        # given back by a receive that was dropped, when the next item was gone already
        played(
            *(begun(0, "receive", "gone"), begun(1, "receive", "consumer"), sends(2, 1, 2)),
            *(take(1, 0, 2)[1:], refused(0, "", "CancelledError"), take(4, 1, 1)),
        ),
    ),
    bad=(
        written(*told("finite", ASK, head(), item(0, 1), item(1, 3), item(2, 2), ENDED, EOF)),
        scripted((_SCRIPT, (*THREE[:2], item(0, 1), item(1, 3), item(2, 2), Completed(), ENDED, EOF))),
        played(sends(0, 1, 3), take(3, 0, 1), take(4, 1, 3), take(5, 2, 2)),
        played(sends(0, 1, 2), take(2, 0, 2, by="one"), take(3, 1, 1, by="other")),
    ),
)


def nothing_lost(h: History) -> Iterator[Finding]:
    yield from each(ordering_objects.nothing_lost)(h)
    due = h.declared("finite", "items")
    for session in h.sessions("finite"):
        if not isinstance(due, int):
            continue
        if h.header.declared.get("declares.lossy"):
            yield unknown("it may leave items out for slow clients, as it declares: BP-17 looks at that")
            continue
        end = standing.whole(h, session) or next(iter(standing.theirs(h, Completed, session)), None)
        reason = why_unlike(h, session)
        if failed := h.first(Failed, session):
            yield unknown("finite ended with an error", failed)
        elif not end or reason or not standing.seen_whole(h, session):
            yield unknown(reason or "finite was not seen whole")
        elif skipped := unread(h, session):
            yield unknown(f"not all of it was read: {worded(skipped)}", skipped)
        else:
            yield _counted(h, session, due, end)


def _counted(h: History, session: str, due: int, end: Record) -> Finding:
    """A record that failed need not carry a number, where the dialect has such records: it is counted all the same."""
    numbered = _numbered(h, session)
    numbers = {seq for _, seq in numbered}
    bare = [r for r in standing.items(h, session) if isinstance(r.event, Item) and r.event.seq is None]
    errors = [r for r in bare if is_record_error(r.event)] if RECORD_ERRORS in features(h) else []
    came = len(numbers) + len(errors)
    if came > due or len(errors) < len(bare):
        return unknown("the items that came do not fit what was declared of finite", end)
    if came < due:
        missing = "" if errors else f"; missing {_gaps(numbers, due)}"
        return broken(end, expected=f"{due} items", got=f"{came}{missing}")
    if numbers and max(numbers) - min(numbers) >= due:
        return unknown("as many items as declared, and a gap in their numbers: does the field count by one?", end)
    return held(numbered[0][0], numbered[-1][0], end) if numbered else unknown("no item carried a number", end)


def _gaps(numbers: set[int], due: int) -> str:
    """The first missing numbers, in words. Counting starts at 1 or at 0 if the numbers fit, else where they start."""
    start = next((n for n in (1, 0) if all(n <= seq < n + due for seq in numbers)), min(numbers, default=1))
    missing = [n for n in range(start, start + due) if n not in numbers]
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return ", ".join(str(n) for n in missing[:_SHOWN]) + more


_LOST_BY_RESET: Final = told("finite", ASK, head(), item(0), RESET)
_ELIDED: Final = told("finite", ASK, head(), item(0), Elided("Item", 2, 14), ENDED, EOF)

_GUIDE: Final[dict[str, str | int | bool]] = {"profile.features": RECORD_ERRORS}
_RECORD: Final = Item(1, 40, "e", '{"type":"error","code":"X"}', 20, "error", kept={"type": "error", "code": "X"})
_FAILED_RECORD: Final = (ASK, chunked("ndjson"), item(0, 1), _RECORD, item(2, 3))
_PAGE: Final = (ASK, head(("Content-Type", "text/html")), Deviation("ndjson.not-json", 0), ENDED, EOF)

_THREE: Final = (sends(0, 1, 3), done(3, "complete"))

OI_02 = Rule(
    id="OI-02",
    level=Level.MUST,
    sentence="On completion the received count equals the sent count: nothing is lost.",
    source="seed 003 (counts of stream-end)",
    why="A dropped item in a stream that ends well is loss that no consumer can see.",
    needs=("wire|object", "role:finite.items|object|script", "seq"),
    after=(*ROOTS, "LC-14", "SSE-24", "OI-10", "OI-13"),
    check=both(nothing_lost, _scripted_items.all_arrive),
    good=(
        scripted((_SCRIPT, WELL)),
        # more than we keep, and counted
        scripted(((Generate(9), Complete()), (*THREE, Completed(), ENDED, EOF, Elided("Item", 6, 60)))),
        # it failed, or its connection was lost
        scripted((_SCRIPT, (*THREE[:-1], Failed("INTERNAL"), ENDED, EOF)), (_SCRIPT, (*THREE[:-1], RESET))),
        written(*told("finite", ASK, head(), item(0), item(1), item(2), ENDED, EOF), declared={"finite.items": 3}),
        # counting from 0 is counting
        written(*told("finite", ASK, head(), item(0, 0), item(1, 1), ENDED, EOF), declared={"finite.items": 2}),
        # a record that failed counts, where the dialect has such records, and need not carry a number
        written(*told("finite", *_FAILED_RECORD, ENDED, EOF), declared=_GUIDE | {"finite.items": 3}, binding="ndjson"),
        # a page where a stream was expected
        written(*told("finite", *_PAGE), declared={"finite.items": 3}, binding="ndjson"),
        # a reset may have destroyed delivered octets; an elided span was not seen
        written(*_LOST_BY_RESET, declared={"finite.items": 3}),
        written(*_ELIDED, declared={"finite.items": 3}),
        played(_THREE, takes(4, 0, 1, 3), end(7)),
        played(sends(0, 1, 3), takes(3, 0, 1, 3), begun(6, "receive", "consumer"), SETTLED),
        # what a cancel discards, and what a dropped receive may have taken with it
        played(sends(0, 1, 3), done(3, "cancel", "consumer"), failed(4, "receive", "CANCELLED", "consumer"), SETTLED),
        played(begun(0, "receive", "gone"), send(1, 1), refused(0, "", "CancelledError"), done(2, "complete"), end(3)),
        # dropped, a send may have been accepted or not
        played(begun(0, "send", arg="producer:1"), refused(0, "", "CancelledError"), take(1, 0, 1)),
    ),
    bad=(
        written(*told("finite", ASK, head(), item(0, 1), item(1, 3), ENDED, EOF), declared={"finite.items": 3}),
        written(*told("finite", ASK, head(), item(0, 1), item(1, 2), ENDED, EOF), declared={"finite.items": 3}),
        written(*told("finite", *_FAILED_RECORD, ENDED, EOF), declared=_GUIDE | {"finite.items": 4}, binding="ndjson"),
        played(_THREE, take(4, 0, 1), take(5, 1, 3), end(6)),
        played(sends(0, 1, 3), takes(3, 0, 1, 2), begun(5, "receive", "consumer"), SETTLED),
        played(send(0, 1), begun(1, "receive", "consumer"), back(1, "producer:?"), received(0, 1, "producer?")),
        played(failed(0, "send", "TIMED_OUT", arg="producer:1"), take(1, 0, 1)),
        scripted((_SCRIPT, (*THREE[:-1], Completed(), ENDED, EOF))),
        scripted(((Generate(9), Complete()), (*THREE, Completed(), ENDED, EOF, Elided("Item", 5, 50)))),
    ),
)


def no_repeats(h: History) -> Iterator[Finding]:
    yield from each(ordering_objects.no_repeats)(h)
    for session in _counting(h):
        numbered = _numbered(h, session)
        if len(numbered) < 2:
            yield unknown(standing.not_opened(h, session) or "fewer than two items carried a sequence number")
            continue
        seen: dict[int, Record] = {}
        twice = next(((seen[seq], r, seq) for r, seq in numbered if seen.setdefault(seq, r) is not r), None)
        if twice:
            yield broken(twice[0], twice[1], expected=f"item {twice[2]} once", got=f"item {twice[2]} again")
        elif not standing.seen_whole(h, session):
            yield unknown("more items came than we keep")
        else:
            yield held(numbered[0][0], numbered[-1][0])


OI_03 = Rule(
    id="OI-03",
    level=Level.MUST,
    sentence="No item arrives twice without a resume.",
    source="seed 000",
    why="A repeated item is counted, charged or shown twice.",
    needs=("wire|object", "seq"),
    after=ROOTS,
    check=no_repeats,
    good=(
        written(*told("finite", ASK, head(), item(0), item(1), item(2), ENDED, EOF)),
        # behind a resume there may be repeats
        written(
            *told("resumable-2", ASK, head(), item(0, 3), item(1, 3), *CLOSE),
            *told("resumable-1", ASK, head(), item(0, 1), item(1, 2), *CLOSE),
            asks={"resumable-2": Ask(after="resumable-1")},
        ),
        # we asked for a second stream under the id of the first
        written(
            *told("endless-1", ASK, chunked("ndjson"), item(0, 1), item(1, 2), item(2, 1), item(3, 3), *CLOSE),
            *told("endless-2", ASK),
            asks={"endless-2": Ask(on="endless-1", same="endless-1")},
        ),
        # two senders count for themselves
        played(send(0, 1, "north"), send(1, 1, "south"), take(2, 0, 1, "north"), take(3, 1, 1, "south")),
    ),
    bad=(
        scripted((_SCRIPT, (*THREE, item(3, 2), Completed(), ENDED, EOF))),
        written(*told("finite", ASK, head(), item(0, 1), item(1, 2), item(2, 1), ENDED, EOF)),
        written(*told("endless", ASK, chunked("json_array"), item(0, 1), item(1, 1), *CLOSE), binding="json_array"),
        played(sends(0, 1, 2), takes(2, 0, 1, 2), take(4, 2, 2)),
    ),
)
