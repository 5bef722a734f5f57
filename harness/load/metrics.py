"""From the history of one stream and its verdicts to what it counts as, and to its times.

A stream that failed, was cut or broke a rule has no times: a quick failure would make a slow server look fast. Never
here: a sum over streams.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Expired, Failed, Item, Lagged, Opened, Raised, Record, Refused
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.load import Seen
from streamspec.harness.core.script import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.history import History
    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.load import Load

BROKEN: Final = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)


def seen(history: History, verdicts: Sequence[Verdict], load: Load, late_ns: int) -> Seen:
    """What the stream of this history shows. `late_ns` is how long after it was due it was begun: the history counts
    from there."""
    (session,) = filter(None, history.sessions())  # what is of none is about us
    items = history.of(Item, session)
    wanted = items[: load.items] if load.items else items
    if kind := _kind(history, verdicts, load, session):
        return Seen(kind, len(items))
    head = history.first(Opened, session)
    first = wanted[0] if wanted else None
    over = None if load.items else history.first(Completed, session) or standing.whole(history, session)
    ttfb, ttfe, whole = (_time(history, record, late_ns) for record in (head, first, over))
    gaps = tuple(pairwise(wanted))
    return Seen(
        "",
        len(items),
        ttfb[0],
        ttfe[0],
        tuple((after.t_ns - before.t_ns) // 1000 for before, after in gaps),
        whole[0],
        (ttfb[1], ttfe[1], whole[1]),
        tuple(_stood_still_us(history, before.t_ns, after.t_ns) for before, after in gaps),
    )


def _time(history: History, record: Record | None, late_ns: int) -> tuple[int | None, int]:
    """From when the stream was due until this record, and how much of that is our own doing."""
    if record is None:
        return None, 0
    return (late_ns + record.t_ns) // 1000, late_ns // 1000 + _stood_still_us(history, 0, record.t_ns)


def _stood_still_us(history: History, start_ns: int, end_ns: int) -> int:
    """For how long our own loop stood still in this span."""
    spans = ((r.t_ns - r.event.ms * 1e6, r.t_ns) for r in history.of(Lagged) if isinstance(r.event, Lagged))
    return int(sum(max(0.0, min(end_ns, until_ns) - max(start_ns, from_ns)) for from_ns, until_ns in spans) / 1e3)


def _kind(history: History, verdicts: Sequence[Verdict], load: Load, session: str) -> str:
    """Why this stream is no good one, in words of ours alone; empty when it is."""
    for verdict in verdicts:
        if verdict.outcome in BROKEN:
            return f"our check of {verdict.rule}" if verdict.outcome is Outcome.ERROR else f"broke {verdict.rule}"
    if load.in_process:
        return _kind_of_an_object(history, load, session)
    if not standing.opened(history, session):
        return _not_opened(history, session)
    if history.first(Failed, session):
        return "ended with an error"
    if load.items and len(history.of(Item, session)) >= load.items:
        return ""
    return _cut_short(history, session) or ("ended too soon" if load.items else "")


def _not_opened(history: History, session: str) -> str:
    match history.first((Refused, Opened, Expired), session):
        case Record(event=Refused(why=why)):
            return f"not answered: {why}"
        case Record(event=Opened(status=status)):
            return f"answered {status}"
        case Record(event=Expired(budget=budget)):
            return f"not within {budget}"
        case _:
            return "not answered"


def _cut_short(history: History, session: str) -> str:
    """What kept us from seeing its end; empty when it was seen."""
    if standing.reset(history, session):
        return "reset"
    if standing.cut(history, session):
        return "cut"
    record = history.first(Expired, session)
    if record and isinstance(record.event, Expired):
        return f"not within {record.event.budget}"
    return "" if standing.whole(history, session) else "not seen whole"


def _kind_of_an_object(history: History, load: Load, session: str) -> str:
    if history.first(Failed, session):
        return "ended with an error"
    if history.first(Raised, session):
        return "an operation was refused"
    record = history.first(Expired, session)
    if record and isinstance(record.event, Expired):
        return f"not within {record.event.budget}"
    if any(isinstance(act, Call) and act.op == "complete" for act in load.acts):
        return "" if history.first(Completed, session) else "not seen whole"
    sent = sum(act.n for act in load.acts if isinstance(act, Call) and act.op == "send")
    return "" if len(history.of(Item, session)) == sent else "not seen whole"
