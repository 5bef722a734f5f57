"""What rules about octets in no order share: that those on other connections live on, and that the writer is answered.

Here too is how such histories are written by hand. Never here: a rule, or which octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Meta, Record, Refused
from streamspec.harness.core.rule import Finding, broken, held, unknown
from streamspec.harness.core.written import ASK, CLOSE, item, told
from streamspec.harness.rules._carriers import (
    STARTED,
    WS,
    after,
    answer_to,
    carried,
    each_time,
    name_of,
    reads,
    silent,
    their_end,
    waited,
    writes,
    wrote,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streamspec.harness.core.event import Event, Opened
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

BESIDE: Final = "endless-beside-"  # reads on while others write what is in no order
AFTER: Final = "look-after-"  # and this one comes when they have


def neighbours_live(h: History, *names: str) -> Iterator[Finding]:
    """Streams on connections of their own go on when others wrote such octets, and new ones are served."""
    rounds = [s for s in h.sessions("endless") if s.startswith(BESIDE)]
    found = [_lives(h, stays, stays.removeprefix(BESIDE), names) for stays in rounds]
    yield from each_time(found, "the neighbours suffered")


def writers(h: History, number: str, names: Sequence[str]) -> tuple[str, ...]:
    """The sessions of this round that wrote one of these."""
    return tuple(s for s in h.sessions() if s.endswith(f"-{number}") and wrote(h, s, *names))


def _lives(h: History, stays: str, number: str, names: Sequence[str]) -> Finding:
    acts = sorted((r for s in writers(h, number, names) for r in wrote(h, s, *names)), key=lambda r: r.index)
    if not acts:
        return unknown(standing.not_opened(h, stays) or "nothing was written")
    before = [r for r in standing.items(h, stays) if r.index < acts[0].index]
    if not before:
        return unknown(standing.not_opened(h, stays) or "no items before that")
    if end := their_end(h, stays, acts[0]) or next(iter(after(standing.terminals(h, stays), acts[0])), None):
        wanted = "streams on other connections go on"
        return broken(before[-1], acts, end, expected=wanted, got=f"one ended after {name_of(acts[-1])}")
    new = AFTER + number
    if (refused := h.first(Refused, new)) and refused.index > acts[-1].index:
        got = f"{standing.not_opened(h, new)}, after {name_of(acts[-1])}"
        return broken(before[-1], acts, refused, expected="new connections are served", got=got)
    later = after(standing.items(h, stays), acts[-1])
    if later and (served := standing.opened(h, new)):
        return held(before[-1], acts, later[0], served)
    return unknown("no item came afterwards, or nobody asked anew")


def answered(h: History, names: Sequence[str], wanted: str) -> Iterator[Finding]:
    """Each of these is answered by an error, or by an end of its connection, as far as the target reads at all. Silence
    counts when it is kept each time."""
    for name in names:
        firsts = [(session, write) for session in h.sessions() for write in wrote(h, session, name)[:1]]
        found = [_answered(h, session, write, wanted) for session, write in firsts]
        yield from each_time(found, f"{name} was not answered")


def _answered(h: History, session: str, write: Record, wanted: str) -> Finding:
    if answer := answer_to(h, session, write):
        return held(write, answer)
    if not (read := reads(h, session, write)):
        return unknown("nothing shows that it reads what we say")
    if over := silent(h, session, write):
        after_s = (over.t_ns - write.t_ns) / 1e9
        return broken(read, write, over, expected=wanted, got=f"nothing, {after_s:.1f} s after {name_of(write)}")
    return unknown("we left before it could be answered")


def all_kept(*clauses: Iterable[Finding]) -> Iterator[Finding]:
    """Of a rule that says several things: broken by any, and held only where each was seen to be."""
    told_ = [tuple(clause) for clause in clauses]
    found = [finding for clause in told_ for finding in clause]
    hurt = [finding for finding in found if finding.stance == "broken"]
    whole = all(clause and all(finding.stance == "held" for finding in clause) for clause in told_)
    yield from hurt or (found if whole else [finding for finding in found if finding.stance == "unknown"])


# -- histories written by hand -----------------------------------------------------------------------------------------

LIVES: Final = (item(2), *CLOSE)  # what a neighbour does that nothing has happened to
_SERVED: Final = (ASK, WS, item(0), *CLOSE)


def beside(
    *neighbours: tuple[Event, ...],
    name: str = "ws-not-json",
    opened: Opened = WS,
    anew: tuple[Event, ...] = _SERVED,
    binding: str = "ws",
    answer: tuple[Event, ...] = (Meta("error"), waited(), *CLOSE),
) -> History:
    """Rounds: a neighbour reads two items, somebody writes this and gets that answer, somebody asks anew, and this
    happens to the neighbour."""
    rows: list[Row] = []
    for n, then in enumerate(neighbours, 1):
        start = 9_000.0 * n
        rows += told(f"{BESIDE}{n}", ASK, opened, item(0), item(1), start_ms=start)
        rows += told(f"look-{name}-{n}", ASK, opened, STARTED, writes(name), *answer, start_ms=start + 10)
        rows += told(f"{AFTER}{n}", *anew, start_ms=start + 4_000)
        rows += told(f"{BESIDE}{n}", *then, start_ms=start + 5_000)
    return carried(*rows, binding=binding)


def writing(
    *answers: tuple[Event, ...], name: str = "ws-not-json", opened: Opened = WS, binding: str = "ws"
) -> History:
    """Rounds: somebody whose stream was begun writes this, and gets that answer."""
    rows = [
        row
        for n, answer in enumerate(answers, 1)
        for row in told(f"look-{name}-{n}", ASK, opened, STARTED, writes(name), *answer, start_ms=9_000.0 * n)
    ]
    return carried(*rows, binding=binding)


def unread(*events: Event, name: str = "ws-not-json", opened: Opened = WS, binding: str = "ws") -> History:
    """A stream that begins with its connection: nothing shows that anybody reads."""
    rows = (row for n in (1, 2, 3) for row in told(f"look-{n}", ASK, opened, item(0), writes(name), *events))
    return carried(*rows, binding=binding, opening=b"")
