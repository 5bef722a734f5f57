"""What accounts show: figures that a target told of itself, or that we took of its process, seen from one session.

An account was true at one instant between its question and its answer, so every figure has bounds and no moment. Totals
of a run are read as what this session added to them: the last account before it asked is its baseline. Pure; never
here: what a figure means for a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.asking import has_run
from streamspec.harness.core.event import Did, Opened, Record, Told
from streamspec.harness.core.script import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.history import History

# What a target holds, and must give back.
HOLDINGS: Final = ("fds", "sockets", "close_wait", "threads", "processes", "open")
PROBLEM: Final = "problem"  # beside the figures of an account: in words, why some are missing
GATE: Final = "gate"  # beside a problem: the gate that was not opened
SLACK: Final = 2  # connections that are about to close, a thread more in a pool: so much is nobody's
# From one account to the next: being asked alone moves pages and costs some processor time.
GRAINS: Final[Mapping[str, int]] = MappingProxyType({"rss_bytes": 1_048_576, "cpu_ms": 30})
# Figures that never fall.
TOTALS: Final = frozenset(
    {
        *("offered", "produced", "ended", "cancelled", "cleanups"),
        *("called", "sent", "blocked_ms", "cancel_seen", "sends_after_cancel", "terminals", "refused"),
    }
)


def is_back(now: Mapping[str, int | str], then: Mapping[str, int | str]) -> bool:
    """Whether a target holds no more than it did then, as far as both accounts tell, which is something at least."""
    pairs = [(now.get(name), then.get(name)) for name in HOLDINGS]
    known = [(after, before) for after, before in pairs if isinstance(after, int) and isinstance(before, int)]
    return bool(known) and all(after <= before + SLACK for after, before in known)


def is_owing(now: Mapping[str, int | str], then: Mapping[str, int | str]) -> bool:
    """Whether a target has more connections than it had then of which it has yet to learn that their client left
    (CLOSE_WAIT): a process that gets no processor time holds them for as long as it waits, and one that looks only when
    their idle time is over for as long as that. That it holds them says nothing before."""
    after, before = now.get("close_wait", 0), then.get("close_wait", 0)
    return isinstance(after, int) and isinstance(before, int) and after > before + SLACK


def is_same(name: str, now: int | str | None, then: int | str | None) -> bool:
    """Whether a figure stood still from one account to the next: exactly, but for memory and processor time."""
    if isinstance(now, int) and isinstance(then, int):
        return abs(now - then) <= GRAINS.get(name, 0)
    return now == then


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one account. `asked_ns` and `record.t_ns` are the bounds of the instant at which it was true."""

    record: Record
    asked_ns: int
    value: int


def figures(h: History, session: str, name: str) -> tuple[Figure, ...]:
    """The figure in every account of the session, in order, as it was told."""
    found: list[Figure] = []
    for record in h.of(Told, session):
        if isinstance(record.event, Told):
            value = record.event.values.get(name)
            if isinstance(value, int):
                found.append(Figure(record, record.event.asked_ns, value))
    return tuple(found)


def opened_gate(h: History, session: str, gate: str) -> Record | None:
    """Where this session opened a gate; None where it did not, or where the target did not say that it is open."""
    did = next((r for r in h.of(Did, session) if isinstance(r.event, Did) and r.event.act == f"open:{gate}"), None)
    told = (r.event for r in h.of(Told, session) if isinstance(r.event, Told))
    return None if any(event.values.get(GATE) == gate for event in told) else did


def per_run(h: History, name: str, session: str = "") -> bool:
    """Whether the target tells this session such a figure of everything it does, and not of the stream that was opened
    last, or, by its witness, of this very stream."""
    if _of_witness(h, name, session):
        return False
    return h.header.declared.get(f"tells.{name}.per") == "run"


def _of_witness(h: History, name: str, session: str) -> bool:
    """A scripted session has a run of its own; of its request a history may have kept too little to show that."""
    mine = h.role(session) == SCRIPT or has_run(h.header.requests.get(h.role(session)))
    return mine and bool(h.header.declared.get(f"witness.{name}"))


def asked(h: History, session: str) -> Record | None:
    """The record of our request."""
    return next((r for r in h.of(Did, session) if isinstance(r.event, Did) and r.event.act.startswith("ask")), None)


def before_asking(h: History, session: str, name: str) -> tuple[Figure, ...]:
    """The figure in the accounts that the session took before it asked: whatever moves there is not this session's."""
    ask = asked(h, session)
    return tuple(f for f in figures(h, session, name) if ask and f.record.index < ask.index)


def of_this(h: History, session: str, name: str) -> tuple[Figure, ...]:
    """The figure as far as it is this session's: a figure of the run less what it was before the session asked, and of
    a stream those that were asked for when ours was the last to be opened. Empty where no baseline was told, and where
    a total fell: then it began anew, or several processes tell of themselves in turn."""
    told = figures(h, session, name)
    if not per_run(h, name, session):
        # Where both sides speak, an answer may be read long after its stream has begun; a witness tells of this one.
        told = after(told, asked(h, session) if _of_witness(h, name, session) else h.first(Opened, session))
        return () if name in TOTALS and fell(told) else told
    ask, base = asked(h, session), before_asking(h, session, name)
    if not ask or not base or (name in TOTALS and fell(told)):
        return ()
    return tuple(Figure(f.record, f.asked_ns, f.value - base[-1].value) for f in told if f.record.index > ask.index)


def fell(found: Sequence[Figure]) -> bool:
    return any(later.value < earlier.value for earlier, later in pairwise(found))


def after(found: Sequence[Figure], record: Record | None) -> tuple[Figure, ...]:
    """Those that were asked for after this record; none when there is no such record."""
    return tuple(f for f in found if record and f.asked_ns >= record.t_ns)


def late(found: Sequence[Figure], record: Record, after_ns: float) -> tuple[Figure, ...]:
    """Those that were asked for when so much time had passed since this record."""
    return tuple(f for f in found if f.asked_ns >= record.t_ns + after_ns)


def until(found: Sequence[Figure], record: Record | None) -> tuple[Figure, ...]:
    """Those that were answered before this record; all when there is no such record."""
    return tuple(f for f in found if not record or f.record.index < record.index)


def standing_still(found: Sequence[Figure]) -> tuple[Figure, ...]:
    """The last of these figures, as far back as they are all the same."""
    moved = next((n for n in range(len(found) - 1, 0, -1) if found[n - 1].value != found[n].value), 0)
    return tuple(found[moved:])


def lasted_ns(found: Sequence[Figure]) -> int:
    """For how long these figures were seen, at least: from the answer of the first to the question of the last."""
    return max(0, found[-1].asked_ns - found[0].record.t_ns) if found else 0


def least_pace(found: Sequence[Figure]) -> float:
    """How much this total grew in a nanosecond while these accounts were taken, at least."""
    if len(found) < 2 or found[-1].record.t_ns <= found[0].asked_ns:
        return 0.0
    return max(0, found[-1].value - found[0].value - 1) / (found[-1].record.t_ns - found[0].asked_ns)


def most_pace(found: Sequence[Figure]) -> float:
    """And at most: without bound where one account followed too soon upon the other, or there is but one."""
    if len(found) < 2 or not lasted_ns(found):
        return inf
    return (found[-1].value - found[0].value + 1) / lasted_ns(found)
