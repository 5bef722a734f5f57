"""SSE, ND, CJ: whether what was produced is sent at once: the head before the first item, each item before the next.

One check serves every binding; under a content coding it is held to what the same server does without one. Never
here: how fast a server is. Only what waits for the next item is late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Item, Lagged, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, chunked, head, item, told, written
from streamspec.harness.rules._scripted_ends import both
from streamspec.harness.rules._scripted_gates import (
    HEADS,
    HEADS_HELD,
    gated,
    head_before_the_first,
    held_back,
    seen_before_the_next,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

LEAST_MS: Final = 50  # a shorter pause is the network's
ROUNDS: Final = 3  # a late budget counts only three times out of three (standing condition 5)
Pair = tuple[Record, Record] | str  # two records of a session, or why it has none to compare
_SELF_ENDED: Final = ("{", "[", '"')  # a number is over only at what follows it


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of sessions that were asked alike: pairs of records that came together (`late`) or well apart, and
    why the other sessions show nothing."""

    sessions: int
    late: tuple[Record, ...]
    in_time: tuple[Record, ...]
    silent: tuple[str, ...]

    @property
    def always_late(self) -> bool:
        return not self.in_time and len(self.late) == 2 * self.sessions >= 2 * ROUNDS

    def came_ms(self) -> str:
        return f"{(self.late[1].t_ns - self.late[0].t_ns) / 1e6:.1f} ms before it"


def _seen(h: History, pairs: Sequence[Pair], pause_ms: int) -> _Seen:
    late: list[Record] = []
    in_time: list[Record] = []
    silent: list[str] = []
    for pair in pairs:
        if isinstance(pair, str):
            silent.append(pair)
            continue
        first, second = pair
        if standing.lagged(h, first.t_ns - pause_ms * 1_000_000, second.t_ns, pause_ms / 4):
            silent.append("this machine stood still meanwhile")
        else:
            (late if (second.t_ns - first.t_ns) / 1e6 < pause_ms / 4 else in_time).extend(pair)
    return _Seen(len(pairs), tuple(late), tuple(in_time), tuple(silent))


def _pause_ms(h: History, role: str, attribute: str) -> int | Finding | None:
    """The declared pause; a finding where it is too short to be seen, None where it is none."""
    declared = h.declared(role, attribute)
    if not isinstance(declared, int):
        return None
    if declared < LEAST_MS:
        return unknown(f"{role}.{attribute} = {declared} is too short to see; declare at least {LEAST_MS}")
    return declared


def sent_when_produced(h: History) -> Iterator[Finding]:
    """The second item is produced gap_ms after the first: when both come together, the first was held back. One in
    time proves little and one late nothing; all of them decide. Sessions under a coding are judged beside one
    without, which is their control."""
    gap_ms = _pause_ms(h, "prompt", "gap_ms")
    if isinstance(gap_ms, Finding):
        yield gap_ms
    if not isinstance(gap_ms, int):
        return
    sessions = h.sessions("prompt")
    coded = [s for s in sessions if standing.coded(h, s)]
    without = _seen(h, [_first_two(h, s) for s in sessions if s not in coded], gap_ms)
    under = _seen(h, [_first_two(h, s) for s in coded], gap_ms)
    yield from (unknown(reason) for reason in without.silent + under.silent)
    expected = f"the first item about {gap_ms} ms before the second"
    if without.always_late:
        yield broken(without.late[:2], expected=expected, got=f"{without.came_ms()}, as every time")
    elif under.always_late and without.in_time and not without.late:
        got = f"{under.came_ms()} under a content coding, every time, and in time without"
        yield broken(under.late[:2], expected=expected, got=got)
    elif late := without.late + under.late:
        yield unknown(f"the first item was late {len(late) // 2} of {len(sessions)} times", late)
    elif in_time := without.in_time + under.in_time:
        yield held(in_time)


def _first_two(h: History, session: str) -> Pair:
    """The session's first two items; else why it shows nothing."""
    items = standing.items(h, session)
    if len(items) < 2:
        return standing.not_opened(h, session) or "prompt sent fewer than two items"
    first = items[0].event
    if h.header.binding == "json_array" and isinstance(first, Item) and not first.prefix.startswith(_SELF_ENDED):
        return "a number, true, false or null is over only at what follows it"
    return items[0], items[1]


_GAP: Final = {"prompt.gap_ms": 300}
_GZIP: Final = ("Content-Encoding", "gzip")


def _pair(n: int, gap_ms: float, binding: str = "") -> tuple[Row, ...]:
    """A session whose two items came so far apart; `binding` says that its answer was coded."""
    start = 1000.0 * n
    coded = ((f"prompt-{n}", start, ASK), (f"prompt-{n}", start, chunked(binding, _GZIP))) if binding else ()
    return (*coded, (f"prompt-{n}", start, item(0)), (f"prompt-{n}", start + gap_ms, item(1)))


def _coded(binding: str, *gaps_ms: float) -> History:
    """A control without coding, then sessions under gzip."""
    rows = (row for n, gap_ms in enumerate(gaps_ms, 2) for row in _pair(n, gap_ms, binding))
    asks = {f"prompt-{n}": Ask(coding="gzip") for n in range(2, len(gaps_ms) + 2)}
    return written(*_pair(1, 300), *rows, declared=_GAP, binding=binding, asks=asks)


def _number(n: int, start_ms: float) -> tuple[Row, ...]:
    """Elements that are bare numbers: each is over at what follows it."""
    scalars = (Item(0, 1, "a", "1", 2), Item(1, 1, "b", "2", 5))
    return told(f"prompt-{n}", *scalars, start_ms=start_ms, step_ms=0.5)


SSE_08 = Rule(
    id="SSE-08",
    level=Level.SHOULD,
    sentence="Each event is on the wire soon after it was produced, under a content coding too.",
    source="seed 002 (curl -N); practice",
    why="A buffer on the way turns a live stream into a late answer; users see nothing, then everything.",
    needs=("role:prompt.gap_ms|feature:gate",),
    after=("SSE-01",),
    on=("sse",),
    check=both(sent_when_produced, seen_before_the_next),
    good=(
        *gated("sse"),
        written(*_pair(1, 299), *_pair(2, 301), *_pair(3, 280), declared=_GAP),
        # late twice, in time once: not three times out of three
        written(*_pair(1, 1), *_pair(2, 1), *_pair(3, 300), declared=_GAP),
        # our own loop stood still: the two were read together, whenever they came
        written(*_pair(1, 1), ("prompt-1", 1002.0, Lagged(200)), *_pair(2, 1), *_pair(3, 1), declared=_GAP),
        _coded("sse", 300, 290, 310),
        _coded("sse", 0, 0, 300),
    ),
    bad=(
        held_back("sse"),
        written(*_pair(1, 1), *_pair(2, 0), *_pair(3, 2), declared=_GAP),
        _coded("sse", 0, 1, 2),
    ),
)

ND_10 = Rule(
    id="ND-10",
    level=Level.SHOULD,
    sentence="Each record and its line end are on the wire soon after it was produced, under a content coding too.",
    source="seed 003; practice",
    why="A reader of lines has a record only when its line end came: until the next record it waits for nothing.",
    needs=("role:prompt.gap_ms|feature:gate",),
    after=("ND-01",),
    on=("ndjson",),
    check=both(sent_when_produced, seen_before_the_next),
    good=(
        *gated("ndjson"),
        written(*_pair(1, 299), *_pair(2, 301), *_pair(3, 280), declared=_GAP, binding="ndjson"),
        _coded("ndjson", 300, 290, 310),
        # held back without a coding as well: that is the other case's finding
        written(
            *_pair(1, 1),
            *_pair(2, 1, "ndjson"),
            *_pair(3, 1, "ndjson"),
            *_pair(4, 1, "ndjson"),
            declared=_GAP,
            binding="ndjson",
            asks={f"prompt-{n}": Ask(coding="gzip") for n in (2, 3, 4)},
        ),
    ),
    bad=(
        held_back("ndjson"),
        written(*_pair(1, 1), *_pair(2, 0), *_pair(3, 2), declared=_GAP, binding="ndjson"),
        _coded("ndjson", 0, 1, 2),
    ),
)

CJ_05 = Rule(
    id="CJ-05",
    level=Level.SHOULD,
    sentence="Each element can be read before the next one is produced, under a content coding too.",
    source="seed 003; practice",
    why="An array that is written at its end is no stream: its reader waits for all of it.",
    needs=("role:prompt.gap_ms|feature:gate",),
    after=("CJ-01",),
    on=("json_array",),
    check=both(sent_when_produced, seen_before_the_next),
    good=(
        *gated("json_array"),
        written(*_pair(1, 299), *_pair(2, 301), *_pair(3, 280), declared=_GAP, binding="json_array"),
        # a number has no octet of its own that ends it
        written(*_number(1, 0), *_number(2, 1000), *_number(3, 2000), declared=_GAP, binding="json_array"),
    ),
    bad=(
        held_back("json_array"),
        written(*_pair(1, 1), *_pair(2, 0), *_pair(3, 2), declared=_GAP, binding="json_array"),
        _coded("json_array", 0, 1, 2),
    ),
)


def head_comes_first(h: History) -> Iterator[Finding]:
    """The first item is produced first_item_ms after the request; a head that waits for it comes with it."""
    wait_ms = _pause_ms(h, "endless", "first_item_ms")
    if isinstance(wait_ms, Finding):
        yield wait_ms
    if not isinstance(wait_ms, int):
        return
    seen = _seen(h, [_head_and_first(h, s) for s in h.sessions("endless")], wait_ms)
    yield from (unknown(reason) for reason in seen.silent)
    if seen.always_late:
        expected = f"the head about {wait_ms} ms before the first item"
        yield broken(seen.late[:2], expected=expected, got=f"{seen.came_ms()}, as every time")
    elif seen.late:
        yield unknown(f"the head came with the first item {len(seen.late) // 2} of {seen.sessions} times", seen.late)
    elif seen.in_time:
        yield held(seen.in_time)


def _head_and_first(h: History, session: str) -> Pair:
    answer, first = standing.opened(h, session), next(iter(standing.items(h, session)), None)
    if not answer or not first:
        return standing.not_opened(h, session) or "no item came"
    return answer, first


_WAIT: Final = {"endless.first_item_ms": 300}


def _begun(n: int, wait_ms: float) -> tuple[Row, ...]:
    start = 1000.0 * n
    session = f"endless-{n}"
    return (session, start, ASK), (session, start + 5, head()), (session, start + 5 + wait_ms, item(0))


SSE_07 = Rule(
    id="SSE-07",
    level=Level.SHOULD,
    sentence="The head is sent before the first event exists.",
    source="practice (an EventSource opens at the head); rule book SSE-07",
    why="Until the head comes, a client cannot tell a quiet stream from a server that is down, and gives up.",
    needs=("role:endless.first_item_ms|feature:gate",),
    after=("SSE-01",),
    on=("sse",),
    check=both(head_comes_first, head_before_the_first),
    good=(
        *HEADS,
        written(*_begun(1, 300), *_begun(2, 290), *_begun(3, 310), declared=_WAIT),
        written(*_begun(1, 0), *_begun(2, 0), *_begun(3, 300), declared=_WAIT),
        written(*_begun(1, 0), ("", 1006.0, Lagged(200)), *_begun(2, 0), *_begun(3, 0), declared=_WAIT),
    ),
    bad=(HEADS_HELD, written(*_begun(1, 0), *_begun(2, 1), *_begun(3, 0), declared=_WAIT)),
)
