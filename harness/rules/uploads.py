"""DR, BP and CN: what a client sends up. How much a server takes in of what nobody reads, whether all of it arrives,
and whether an upload that broke off is shown as one.

Judged by the outrun bound (design 6), turned round: two backlogs, and a handler that stands still. Never here: what
goes down meanwhile (`duplex`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.contract import BOTH_WAYS
from streamspec.harness.core.event import Did, Expired, Said
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask, Say
from streamspec.harness.core.steps import Collect, Gate
from streamspec.harness.core.written import CANCEL, CLOSE
from streamspec.harness.rules._accounts import MIB
from streamspec.harness.rules._both_ways import (
    CANCELS,
    FINISH,
    SAY,
    TERMINAL,
    WORD,
    Spoken,
    due,
    first_act,
    named,
    opening,
    said,
    shown,
    spoken,
    sum_item,
    summed,
)
from streamspec.harness.rules._scripted import said as word_of
from streamspec.harness.rules.outrun import FURTHER_BYTES, TIMES_LARGER, mib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History

    Seen = Event | float | Mapping[str, int | str]

MANY: Final = "script-many-"  # an upload of many small items
BACKLOG: Final = "script-backlog-"  # one whose handler does not read
BREAKS: Final = "script-breaks-"  # one that ends before its time
WHOLE: Final = "script-whole-"  # and one that does not
_GATE: Final = "go"
_WEIGHTY_BYTES: Final = 64 * MIB  # an upload of so much shows in the memory of whoever keeps it
_ENDED: Final = "ended"
_BROKEN: Final = "broken"


# -- DR-12: many -------------------------------------------------------------------------------------------------------


def takes_many(h: History) -> Iterator[Finding]:
    for session in named(h, MANY):
        yield from _took_all(h, session)


def _took_all(h: History, session: str) -> Iterator[Finding]:
    finish, answers = first_act(h, session, "finish"), standing.items(h, session)
    n, octets = said(h, session)
    if finish is None or n != due(h, session) or not answers:
        yield unknown(standing.not_opened(h, session) or f"{n} of our items were said, and no answer came")
        return
    yield summed(h, session, finish, answers[0])
    if octets >= _WEIGHTY_BYTES:
        yield from _kept(h, session, finish, octets)


def _kept(h: History, session: str, finish: Record, octets: int) -> Iterator[Finding]:
    """Memory accuses, and never acquits."""
    rss = accounts.figures(h, session, "rss_bytes")
    before, after = accounts.until(rss, first_act(h, session, "say")), accounts.after(rss, finish)
    if before and after and (grown := after[0].value - before[-1].value) >= octets / 2:
        wanted = f"an upload of {mib(octets)} in bounded memory"
        yield broken(before[-1].record, after[0].record, expected=wanted, got=f"it grew by {mib(grown)}")


def _many(count: int, n: int = 100, *, grown: int = 0, size: int = 10) -> Spoken:
    seen: tuple[Seen, ...] = (
        *opening(),
        {"rss_bytes": 40 * MIB},
        SAY,
        Said(n, size * n),
        FINISH,
        sum_item(count, size * n),
        *TERMINAL,
        {"rss_bytes": 40 * MIB + grown},
        *CLOSE,
    )
    return Spoken(f"{MANY}1", seen, (Collect(),), "client", (Ask(), Say(n)))


DR_12 = Rule(
    id="DR-12",
    level=Level.SHOULD,
    sentence="An upload of very many items is taken whole, and in memory that does not grow with it.",
    source="seed 001 'Client streaming' (UploadItems)",
    why="Uploads that are kept until they are over end the server that takes a few of them at once.",
    needs=("direction:client", "half-close", "feature:collect"),
    on=BOTH_WAYS,
    check=takes_many,
    good=(
        spoken(_many(100)),
        # a little, or where an upload is small: memory moves by itself
        spoken(_many(1_000, 1_000, size=100_000, grown=20 * MIB)),
        spoken(_many(100, grown=80 * MIB)),
    ),
    bad=(spoken(_many(99)), spoken(_many(1_000, 1_000, size=100_000, grown=90 * MIB))),
)


# -- BP-15: nobody reads -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Push:
    """An upload before a gate that is shut: how much was handed over while it was, and what it stood still at."""

    session: str
    gate: Record
    offered: int
    handed: Said
    at: Record
    stood: Record | None

    @property
    def ahead(self) -> int:
        """Octets that nobody had taken: a handler before its gate takes nothing."""
        return self.handed.bytes


def pushes_back(h: History) -> Iterator[Finding]:
    found = []
    for session in named(h, BACKLOG):
        push = _push(h, session)
        if push:
            found.append(push)
        else:
            yield unknown(standing.not_opened(h, session) or "nothing was said before a gate that was shut")
    if found:
        yield _of_two(h, min(found, key=lambda p: p.offered), max(found, key=lambda p: p.offered))


def _push(h: History, session: str) -> _Push | None:
    gate = accounts.opened_gate(h, session, _GATE)
    say = next((act for act in h.acts(session) if isinstance(act, Say)), None)
    if gate is None or say is None or not isinstance(h.steps(session)[0], Gate):
        return None
    handed = [(r, r.event) for r in h.of(Said, session) if r.index < gate.index]
    if not handed:
        return None
    at, event = handed[-1]
    stood = next((r for r in standing.expired(h, session, "steady_ms") if at.index < r.index < gate.index), None)
    return _Push(session, gate, say.n, event, at, stood) if isinstance(event, Said) else None


def _of_two(h: History, small: _Push, large: _Push) -> Finding:
    further = large.ahead - small.ahead
    if large.offered < TIMES_LARGER * small.offered:
        return unknown("no two backlogs were offered, one much larger than the other")
    if further > FURTHER_BYTES and large.handed.n >= large.offered / 2:
        got = f"{large.handed.n} of {large.offered} items ({mib(large.ahead)}); of {small.offered} {small.handed.n}"
        wanted = f"of a larger upload that nobody reads, at most {mib(FURTHER_BYTES)} more are taken in"
        return broken(small.at, large.at, expected=wanted, got=got)
    return _waits(h, large)


def _waits(h: History, push: _Push) -> Finding:
    """Held where our saying stood still with more to say, and went on when somebody read."""
    if not push.stood or push.handed.n >= push.offered:
        return unknown("it took all that we said, or was still taking", push.at)
    on = next((r for r in h.of(Said, push.session) if r.index > push.gate.index and _more(r, push)), None)
    if on is None:
        return unknown("it took no more when its handler went on", push.gate)
    return held(push.at, push.stood, push.gate, on)


def _more(record: Record, push: _Push) -> bool:
    return isinstance(record.event, Said) and record.event.n > push.handed.n


_SIZE: Final = 65_536
_STOOD: Final = Expired("steady_ms", 500)


def _pushed(kind: str, offered: int, handed: int, *after: Seen, start_ms: float = 1) -> Spoken:
    """The gate is opened half a second after the last item was handed over."""
    stood = () if handed == offered else (_STOOD,)
    seen = (*opening(), SAY, 500, Said(handed, handed * _SIZE), *stood, Did(f"open:{_GATE}"), *after, *CLOSE)
    return Spoken(f"{BACKLOG}{kind}", seen, (Gate(_GATE), Collect()), "client", (Ask(), Say(offered, _SIZE)), start_ms)


def _small(handed: int = 64) -> Spoken:
    return _pushed("small", 64, handed)


def _large(handed: int, *, on: int = 16) -> Spoken:
    more = (SAY, Said(handed + on, (handed + on) * _SIZE)) if on else ()
    return _pushed("large", 1_280, handed, *more, start_ms=9_000)


BP_15 = Rule(
    id="BP-15",
    level=Level.MUST,
    sentence="A client whose items nobody reads is held up, however many more it has.",
    source="seed 002 'Directions'; contract 1 and 2 (design 1); RFC 9113 §5.2",
    why="One upload that is faster than its handler then costs the memory of all that was not read.",
    needs=("direction:client", "feature:gate", "feature:collect"),
    on=BOTH_WAYS,
    check=pushes_back,
    good=(
        spoken(_small(), _large(90)),
        # less than 64 MiB more is some buffer, and a bound
        spoken(_small(), _large(1_000)),
        # it stood still for ever: what it does with what it has is another question
        spoken(_small(), _large(90, on=0)),
        spoken(_large(90)),
    ),
    bad=(spoken(_small(), _large(1_280)), spoken(_small(20), _large(1_200))),
)


# -- CN-20: broken off -------------------------------------------------------------------------------------------------


def a_broken_upload_is_none(h: History) -> Iterator[Finding]:
    """The control is an upload that was ended: its handler must have been told so, or the word means nothing."""
    whole = [found for s in named(h, WHOLE) if (found := word_of(h, s, "input", first_act(h, s, "finish")))]
    knows = next((record for record, word in whole if word == _ENDED), None)
    for session in named(h, BREAKS):
        yield _is_none(h, session, knows)


def _is_none(h: History, session: str, knows: Record | None) -> Finding:
    at = first_act(h, session, WORD, "cancel:rst", "cancel:fin")
    if at is None or not said(h, session)[0] or first_act(h, session, "finish"):
        return unknown(standing.not_opened(h, session) or "no upload was broken off")
    found = word_of(h, session, "input", at)
    if found and found[1] == _ENDED and knows:
        return broken(at, found[0], expected="an upload that broke off", got="its handler was told that it was whole")
    if early := next((r for r in standing.items(h, session) if r.index < at.index), None):
        return unknown(f"it answered before: {shown(early)}", early)
    if found and found[1] == _BROKEN and knows:
        return held(knows, at, found[0])
    return unknown("its witness did not tell what became of the input, there or of one that was whole", at)


def _control(word: str = _ENDED) -> Spoken:
    seen: tuple[Seen, ...] = (*opening(), SAY, Said(3, 21), FINISH, sum_item(3, 21), *TERMINAL, {"input": word}, *CLOSE)
    return Spoken(f"{WHOLE}1", seen, (Collect(),), "client", (Ask(), Say(3)))


def _breaks(how: str, *words: str, n: int = 1) -> Spoken:
    leaving = (CANCELS,) if how == WORD else (Did(how), CANCEL[1])
    told_: tuple[Seen, ...] = tuple({"input": word} for word in words)
    seen = (*opening(), SAY, Said(3, 21), {"input": "open", "received": 3}, *leaving, 100, *told_)
    return Spoken(f"{BREAKS}{n}", seen, (Collect(),), "client", (Ask(), Say(3)), 1e3 * n)


CN_20 = Rule(
    id="CN-20",
    level=Level.MUST,
    sentence="An upload that its client cancelled, or that broke off, is never shown to its handler as a whole one.",
    source="gRPC over HTTP/2 (only END_STREAM ends a request); RFC 9112 §8; docs/contract.md `input`",
    why="Half a file is stored as a whole one, and nobody ever learns of it.",
    needs=("direction:client", "half-close", "feature:collect", "told:input"),
    on=BOTH_WAYS,
    check=a_broken_upload_is_none,
    good=(
        spoken(_control(), _breaks(WORD, "broken"), _breaks("cancel:rst", "open", "broken", n=2)),
        # it has one word for every end
        spoken(_control("broken"), _breaks(WORD, "broken")),
        # it had answered, and was told of nothing
        spoken(_control(), _breaks("cancel:fin", "open", "open")),
    ),
    bad=(
        spoken(_control(), _breaks(WORD, "ended")),
        spoken(_control(), _breaks("cancel:rst", "open", "ended"), _breaks(WORD, "broken", n=2)),
    ),
)
