"""RL on servers: what a server still holds of streams that are over: descriptors, sockets, threads, processes.

A leak is growth in every one of three batches of cycles, after one that warms pools and caches up, of which nothing
comes back while the whole of `return_ms` is watched after the last one. Where something comes back, the server was only
slow to notice, and what it had open at once may have made its pools grow. Never here: memory, which grows for many
honest reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Closed, Completed, Did, Ended, Failed, Item, Opened, Refused, Told
from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask
from streamspec.harness.core.written import ASK, CANCEL, ENDED, EOF, RESET, account, head, item, retold, told, written
from streamspec.harness.rules._accounts import budget_ns, did, leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event, Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

BATCHES: Final = 3  # after the cold beginning, and the one that warms up
CYCLES_LEAST: Final = 10  # in a batch, that came to their end as they should
GROWTH_LEAST: Final = 3  # in a batch: less may be a connection of our own, or one that is about to close
PER_CYCLES: Final = 100  # or one in so many cycles, whichever is more
BACK: Final = 8  # so much above the cold beginning is a pool that has found its size, and no leak
_LATE: Final = 0.9  # of `return_ms`
_OURS: Final = Closed("ours")
# What is counted, the most telling first, and its name in a finding. The last is told by the target itself.
_COUNTED: Final = MappingProxyType(
    {
        "close_wait": "sockets in CLOSE_WAIT",
        "sockets": "sockets",
        "processes": "processes",
        "threads": "threads",
        "fds": "descriptors",
        "open": "streams that it calls open",
    }
)


Ends = dict[str, "Record"]  # of each cycle that came to its end as it should, by session


@dataclass(frozen=True, slots=True)
class Count:
    """What the target held at one time, by the last account of a session, and how many cycles had come to their end
    since the count before."""

    session: str
    record: Record
    figures: Mapping[str, int]
    cycles: int


# -- cycles ------------------------------------------------------------------------------------------------------------


def completed(h: History) -> Ends:
    """Streams that ended well."""
    ends: dict[str, Record | None] = {}
    for s in h.sessions("finite"):
        if standing.opened(h, s) and not h.first(Failed, s):
            ends[s] = standing.whole(h, s) or next(iter(standing.theirs(h, Completed, s)), None)
    return _known(ends)


def failed(h: History) -> Ends:
    """Streams that began and failed, however that shows."""
    streams = [s for s in h.sessions("failing") if standing.opened(h, s)]
    ends = {s: [r for r in standing.theirs(h, (Failed, Ended, Closed), s) if r.event != _OURS] for s in streams}
    return {s: found[0] for s, found in ends.items() if found}


def in_time(h: History) -> Ends:
    """Scripted streams that ended well, long before their deadline: of those a timer may be left."""
    streams = [s for s in h.sessions(SCRIPT) if "deadline_ms" in h.options(s) and standing.opened(h, s)]
    return _known({s: None if h.first(Failed, s) else standing.whole(h, s) for s in streams})


def left(how: str) -> Callable[[History], Ends]:
    """Streams whose client left in this way after their first item."""
    return lambda h: {leave.session: leave.at for leave in leaves(h, "endless", how) if h.first(Item, leave.session)}


def refused(h: History) -> Ends:
    """Requests that nobody can serve: malformed, behind an id that nobody gave, or without the user's credentials."""
    found: dict[str, Record | None] = {}
    for s in h.sessions():
        malformed = did(h, s, "ask:malformed") is not None
        if malformed or any(isinstance(act, Ask) and (act.behind or act.credentials) for act in h.acts(s)):
            record = h.first((Opened, Refused), s)
            found[s] = record if record and _refuses(record.event, malformed=malformed) else None
    return _known(found)


def _refuses(event: Event, *, malformed: bool) -> bool:
    if isinstance(event, Opened):
        return 400 <= event.status < 500
    return malformed and isinstance(event, Refused) and event.why in {"closed", "reset"}


def _known(ends: Mapping[str, Record | None]) -> Ends:
    return {session: end for session, end in ends.items() if end}


# -- counts ------------------------------------------------------------------------------------------------------------


def nothing_left(h: History, ends: Ends, what: str) -> Iterator[Finding]:
    """Whether streams that ended in one way leave anything behind."""
    counts = _counts(h, ends)
    if not ends or len(counts) < 2 + BATCHES:
        yield unknown(f"no {1 + BATCHES} batches of streams that {what} were gone through and counted")
        return
    records = [count.record for count in counts]
    fewest = min(count.cycles for count in counts[1:])
    over = max(ends.values(), key=lambda end: end.index)
    grown = {name: more for name in _COUNTED if (more := _growth(h, counts, name, over))}
    if fewest < CYCLES_LEAST:
        yield unknown(f"only {fewest} streams of a batch {what} as they should", records)
    elif found := next(((name, more) for name, more in grown.items() if _leaks(counts, more)), None):
        yield _leak(h, counts, *found, over, what)
    else:
        yield _returned(counts)


def _counts(h: History, ends: Ends) -> list[Count]:
    """The last account of each session that has one of the process, in order."""
    found: list[Count] = []
    indices = sorted(end.index for end in ends.values())
    names = [name for name in _COUNTED if name != "open" or accounts.per_run(h, "open")]
    for session in dict.fromkeys(r.session for r in h.of(Told)):
        seen = {name: all_[-1] for name in names if (all_ := accounts.figures(h, session, name))}
        if "fds" in seen:
            record = seen["fds"].record
            since = found[-1].record.index if found else -1
            cycles = sum(since < index < record.index for index in indices)
            found.append(Count(session, record, {name: f.value for name, f in seen.items()}, cycles))
    return found


def _growth(h: History, counts: Sequence[Count], name: str, over: Record) -> list[int]:
    """How much a figure grew in each batch after the warm one; in the last one, by the least that was seen since."""
    values = [count.figures.get(name) for count in counts[1:]]
    least = [f.value for f in accounts.after(accounts.figures(h, counts[-1].session, name), over)]
    known = [*(n for n in values[:-1] if n is not None), *([min(least)] if least else [])]
    return [later - earlier for earlier, later in pairwise(known)] if len(known) == len(values) else []


def _leaks(counts: Sequence[Count], more: Sequence[int]) -> bool:
    due = zip(more, counts[2:], strict=True)
    return all(n >= max(GROWTH_LEAST, count.cycles / PER_CYCLES) for n, count in due)


def _leak(h: History, counts: Sequence[Count], name: str, more: list[int], over: Record, what: str) -> Finding:
    """Broken, if it was watched for long enough, and nothing came back."""
    watched = accounts.after(accounts.figures(h, counts[-1].session, name), over)
    settled = accounts.late(watched, over, _LATE * budget_ns(h, "return_ms"))
    word = _COUNTED[name]
    got = f"{', '.join(f'+{n}' for n in more)} {word} in batches of {counts[-1].cycles} streams that {what}"
    if not settled:
        return unknown(f"{got}: it was not watched for long enough to call that a leak", counts[-1].record)
    streams = accounts.after(accounts.figures(h, counts[-1].session, "fds"), over)
    if max(_moved(watched), _moved(streams)) > max(accounts.SLACK, min(more) / 2):
        return unknown(f"{got}: some came back, or others came, while we only watched", settled[-1].record)
    waited_s = (settled[-1].asked_ns - over.t_ns) / 1e9
    records = [count.record for count in counts]
    return broken(records, expected=f"as many {word} as before, {waited_s:.0f} s after the last one", got=got)


def _moved(watched: Sequence[Figure]) -> int:
    values = [f.value for f in watched]
    return max(values) - min(values) if values else 0


def _returned(counts: Sequence[Count]) -> Finding:
    """Held when everything is as in the cold beginning, but for the threads of a pool that has found its size."""
    first, before, last = counts[0].figures, counts[-2].figures, counts[-1].figures
    above = {name: last[name] - n for name, n in first.items() if name in last}
    if last.get("threads", 0) - before.get("threads", 0) <= accounts.SLACK:
        above["threads"] = 0
    high = {name: n for name, n in above.items() if n > BACK}
    if high:
        more = ", ".join(f"{n} more {_COUNTED[name]}" for name, n in high.items())
        return unknown(f"{more} than in the beginning, and no growth in every batch", counts[-1].record)
    return held([count.record for count in counts])


# -- histories written by hand -----------------------------------------------------------------------------------------

_TIMED: Final = MappingProxyType({"deadline_ms": 60_000})
_CYCLES: Final = {
    "completed": ("finite", (ASK, head(), item(0), ENDED, EOF)),
    "ended before their deadline": (SCRIPT, (ASK, head(), item(0), ENDED, EOF)),
    "failed": ("failing", (ASK, head(), item(0), RESET)),
    "were left": ("endless", (ASK, head(), item(0), Did("cancel:fin"), CANCEL[1])),
    "were left abruptly": ("endless", (ASK, head(), item(0), *CANCEL)),
    "were refused": ("look", (Did("ask:malformed"), head(status=400), ENDED, EOF)),
}


def cycled(
    kind: str,
    *figures: int,
    name: str = "fds",
    cycles: int = CYCLES_LEAST,
    settled: tuple[int, ...] = (),
    waited_ms: float = BUDGETS_MS["return_ms"],
    threads: tuple[int, ...] = (),
) -> History:
    """Batches of cycles, after each of which this figure was so high; then the figure while nothing was done any more,
    the last time when so much time had passed. `threads` are those of every account."""
    role, events = _CYCLES[kind]
    rows: list[Row] = []
    values = (*figures, *(settled or (figures[-1],) * 6))
    accounts_ = [{"fds": 9, name: value} for value in values]
    for values_, many in zip(accounts_, threads, strict=False):
        values_["threads"] = many
    for batch in range(len(figures)):
        size = cycles if batch else 1
        for n in range(size):
            start_ms = 1_000.0 * batch + 10 * n
            session = f"{role}-count-{batch}" if n + 1 == size else f"{role}-batch-{batch}~{n + 1}"
            rows += told(session, *events, start_ms=start_ms)
        rows += told(session, account(start_ms + 8, **accounts_[batch]), start_ms=start_ms + 8)
    watched = accounts_[len(figures) :]
    for n, values_ in enumerate(watched, 1):
        at_ms = start_ms + 8 + waited_ms * n / len(watched)
        rows += told(session, account(at_ms, **values_), start_ms=at_ms)
    h = written(*rows, declared={"tells.open.per": "run", "process": "spawn"})
    return retold(h, lambda s: replace(s, options=_TIMED) if s.role == SCRIPT else s)


def good(kind: str) -> tuple[History, ...]:
    """What every one of these rules must not mind."""
    return (
        cycled(kind, 9, 9, 9, 10, 9),
        # a pool that finds its size
        cycled(kind, 5, 50, 50, 50, 50, name="threads"),
    )


def bad(kind: str, name: str) -> tuple[History, ...]:
    return (cycled(kind, 9, 30, 50, 70, 90, name=name),)


RL_04 = Rule(
    id="RL-04",
    level=Level.MUST,
    sentence="Streams whose client left abruptly leave no socket, descriptor, thread or process behind.",
    source="seed 004 'Resource cleanup on stream completion/cancellation'; anomalyco/opencode issue 31923 (CLOSE_WAIT)",
    why="Clients vanish all day: what each leaves behind adds up, until the server can open no connection any more.",
    needs=("process", "role:endless"),
    check=lambda h: nothing_left(h, left("rst")(h), "were left abruptly"),
    good=(
        *good("were left abruptly"),
        # threads that come one by one, and stop coming
        cycled("were left abruptly", 5, 30, 50, 70, 70, name="threads"),
        # what is open at once, until it is noticed that nobody reads it, makes a pool of threads grow, which keeps them
        cycled(
            *("were left abruptly", 9, 29, 49, 69, 89),
            settled=(89, 60, 9, 9, 9, 9),
            threads=(9, 29, 49, 69, 89, *(89,) * 6),
        ),
        # they close late, all at once: a timer, or a ticker that ticks seldom
        cycled("were left abruptly", 9, 29, 49, 69, 89, settled=(89, 89, 89, 60, 9, 9)),
        # more each time, and it was not watched for long
        cycled("were left abruptly", 9, 30, 50, 70, 90, waited_ms=600),
        # somebody else's connections come and go
        cycled("were left abruptly", 9, 30, 50, 70, 90, settled=(90, 120, 101, 95, 130, 99)),
        # too few cycles to say anything
        cycled("were left abruptly", 9, 12, 15, 18, 21, cycles=4),
        # less than can be told from our own connections
        cycled("were left abruptly", 9, 11, 13, 15, 16),
        # a heap grows for many reasons
        cycled("were left abruptly", 10**6, 10**7, 10**8, 10**9, 10**10, name="rss_bytes"),
    ),
    bad=(
        *bad("were left abruptly", "close_wait"),
        cycled("were left abruptly", 9, 12, 15, 18, 21, name="sockets"),
        # the target itself calls them open
        cycled("were left abruptly", 0, 20, 40, 60, 80, name="open"),
    ),
)

RL_05 = Rule(
    id="RL-05",
    level=Level.MUST,
    sentence="Requests that are refused leave no socket, descriptor, thread or process behind.",
    source="seed 004 'Resource cleanup on stream completion/cancellation'",
    why="A client that asks wrongly asks again and again: it must not take the server with it.",
    needs=("process",),
    check=lambda h: nothing_left(h, refused(h), "were refused"),
    good=(*good("were refused"), cycled("were refused", 9, 29, 49, 69, 89, settled=(89, 60, 9, 9, 9, 9))),
    bad=bad("were refused", "fds"),
)
