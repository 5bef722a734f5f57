"""What rules about accounts share: the streams that stood still, the streams that were left, and how large items are.

Careful in one direction: where our own machine may be the reason, or other traffic, the answer is that nothing is
known. Here too is how such histories are written by hand. Never here: a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.asking import count_of
from streamspec.harness.core.event import Closed, Did, Elided, Expired, Item, Record
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.rule import Finding, unknown
from streamspec.harness.core.script import CUT
from streamspec.harness.core.written import retold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.history import History
    from streamspec.harness.core.script import Session

MIB: Final = 1_048_576
LEARNT: Final = ("open", "ended", "cancelled")  # what shows that a target took notice of a leaving
TIMES: Final = 3  # a late budget counts only three times out of three
_PACE_LEAST: Final = 5  # items, before their gaps are called a pace


def did(h: History, session: str, *acts: str) -> Record | None:
    """The first of these acts of ours."""
    return next((r for r in h.of(Did, session) if isinstance(r.event, Did) and r.event.act in acts), None)


def budget_ns(h: History, name: str) -> float:
    """A budget of this case."""
    return float(h.header.budgets.get(name, BUDGETS_MS[name])) * 1e6


# -- streams whose reader stood still ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stall:
    """A stream whose reader stood still: from when until when, and of how many items it was asked."""

    session: str
    began: Record
    over: Record | None
    offered: int

    def taken(self, h: History, record: Record) -> int:
        """How many items had been received when this record was written."""
        return sum(item.index < record.index for item in h.of(Item, self.session))

    def ended(self, h: History) -> Record | None:
        """The target's own end of the stream, if it came: of a client that stands still it is a legal policy."""
        return standing.cut(h, self.session) or standing.reset(h, self.session)


def stalls(h: History) -> tuple[Stall, ...]:
    """The large streams that were opened and not read, in the order of the script."""
    found = []
    for session in h.sessions("large"):
        began = did(h, session, "stall")
        head = standing.opened(h, session)
        if began and head and head.index < began.index:
            found.append(Stall(session, began, did(h, session, "resume"), offered(h, session)))
    return tuple(found)


def offered(h: History, session: str) -> int:
    """How many items this session asked for; 0 when it is not known."""
    size = h.declared("large", "item_bytes")
    asked = next((s for s in h.header.script.sessions if s.id == session), None)
    if asked is None or not isinstance(size, int) or size <= 0 or "backlog_mib" not in asked.options:
        return 0
    return count_of(asked, size)


def item_bytes(h: History) -> float:
    """The octets of one large item: as declared or as most of those that came, whichever is less; 0 when none came."""
    sizes = [r.event.size for s in h.sessions("large") for r in h.of(Item, s) if isinstance(r.event, Item)]
    size = h.declared("large", "item_bytes")
    return min(float(size), median(sizes)) if sizes and isinstance(size, int) else 0.0


def counted(h: History, session: str, found: Sequence[Figure]) -> tuple[Figure, ...]:
    """The accounts up to which every item that came was written down."""
    if not any(isinstance(r.event, Elided) and r.event.what == "Item" for r in h.of(Elided, session)):
        return tuple(found)
    last = h.of(Item, session)[-1:]
    return accounts.until(found, last[0]) if last else ()


# -- streams that were left --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leave:
    """A stream that had begun and that we left while it was open: how, when, and the last thing that it showed."""

    session: str
    how: str
    at: Record
    seen: Record


def leaves(h: History, role: str, how: str = "") -> tuple[Leave, ...]:
    """The open streams of this role that we left, in the order of the script; `how`: only by `fin`, or by `rst`. A
    connection that our proxy cut is torn, like one by `rst`."""
    found = []
    for session in h.sessions(role):
        at = left_at(h, session)
        head = standing.opened(h, session)
        if not at or not isinstance(at.event, Did) or not head or _over(h, session, at):
            continue
        way = "rst" if at.event.act.startswith(CUT) else at.event.act.removeprefix("cancel:")
        if how in {"", way}:
            found.append(Leave(session, way, at, (head, *standing.items(h, session))[-1]))
    return tuple(found)


def left_at(h: History, session: str) -> Record | None:
    """When a stream was left: by us, or by our proxy, which cut it."""
    acts = ((r, r.event.act) for r in h.of(Did, session) if isinstance(r.event, Did))
    return next((r for r, act in acts if act in {"cancel:fin", "cancel:rst"} or act.startswith(CUT)), None)


def _over(h: History, session: str, at: Record) -> bool:
    ends = (standing.whole(h, session), *standing.terminals(h, session), *standing.theirs(h, Closed, session))
    return any(end and end.index < at.index for end in ends)


def stood_still_ourselves(h: History, start: Record, end: Record) -> bool:
    """Whether our own machine lost half of this span, or more."""
    return standing.lagged(h, start.t_ns, end.t_ns, (end.t_ns - start.t_ns) / 2e6) is not None


def moved_back(h: History, leave: Leave) -> tuple[Figure, Figure] | None:
    """Two accounts, before the leaving and after it, which show that the target took notice: it has one open stream
    less, or one more that ended or was cancelled."""
    for name in LEARNT:
        told = accounts.of_this(h, leave.session, name)
        before = accounts.until(told, leave.at)[-1:]
        for now in accounts.after(told, leave.at):
            back = now.value < before[0].value if before and name == "open" and before[0].value > 0 else False
            more = now.value > before[0].value if before and name != "open" else False
            if back or more:
                return before[0], now
    return None


def pace_ns(h: History, role: str) -> float | None:
    """The longest silence between two items of such streams, as long as we read; None when too few came to tell."""
    gaps: list[float] = []
    known = False
    for session in h.sessions(role):
        times = [r.t_ns for r in standing.items(h, session)]
        gaps += [float(later - earlier) for earlier, later in pairwise(times)]
        known = known or len(times) >= _PACE_LEAST
        waited = [r.t_ns for r in standing.theirs(h, Expired, session)]
        gaps += [float(waited[-1] - times[-1])] if times and waited and waited[-1] > times[-1] else []
    return max(gaps) if known and gaps else None


def every_time(found: Sequence[Finding], what: str) -> Iterator[Finding]:
    """Of several rounds the last three count: what looks before the case left behind may end during the first. Late is
    who was late in all of them and never in time, in time who was so in all of them."""
    judged = found[-TIMES:]
    late = [finding for finding in found if finding.stance == "broken"]
    if len(late) >= TIMES and all(finding.stance == "broken" for finding in judged):
        yield from late
    elif late:
        yield unknown(f"{what}, {len(late)} of {len(found)} times")
    elif all(finding.stance == "held" for finding in judged):
        yield from judged
    else:
        yield from (finding for finding in judged if finding.stance == "unknown")


# -- histories written by hand -----------------------------------------------------------------------------------------


def offering(h: History, backlogs_mib: Mapping[str, int]) -> History:
    """The same history, with a backlog asked for in some of its sessions."""

    def offered_to(session: Session) -> Session:
        backlog = {"backlog_mib": backlogs_mib[session.id]} if session.id in backlogs_mib else {}
        return replace(session, options=MappingProxyType(backlog)) if backlog else session

    return retold(h, offered_to)


def tells(per: str = "run", *names: str) -> dict[str, str | int | bool]:
    """The declaration that these figures are told."""
    return {f"tells.{name}.per": per for name in names or ("produced", "sending", "open", "ended", "cancelled")}
