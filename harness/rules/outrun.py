"""BP-05 on servers: how far a producer runs ahead of a client that does not read, as the server tells it.

Judged by the outrun bound (design 6): two backlogs, ten to one, both offered to a reader that stands still. Never by
rates. Never here: what memory shows of it (`outrun_memory`), or what becomes of the items afterwards (`stalls`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Did, Item
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, EOF, account, head, written
from streamspec.harness.rules._accounts import (
    MIB,
    Stall,
    budget_ns,
    counted,
    did,
    item_bytes,
    offering,
    stalls,
    tells,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

FURTHER_BYTES: Final = 64 * MIB  # further ahead than with a tenth of the backlog: no buffer of a fixed size is so large
TRANSPORT_BYTES: Final = 8 * MIB  # what two kernels hold of a stream that nobody reads, beyond any declared bound
TIMES_LARGER: Final = 4  # at least, of two backlogs that are compared
STOOD: Final = 0.7  # of `steady_ms`, seen from the answer of the first account to the question of the last


@dataclass(frozen=True, slots=True)
class Run:
    """One stalled stream and what was told of it since: `ahead` is how many items the producer was ahead of its reader,
    at least, and `foreign` how many of them may be somebody else's."""

    stall: Stall
    told: tuple[Figure, ...]
    most: Figure
    ahead: int
    foreign: float

    @property
    def offered(self) -> int:
        return self.stall.offered


def outrun(h: History) -> Iterator[Finding]:
    if not stalls(h):
        for session in h.sessions("large"):
            yield unknown(standing.not_opened(h, session) or "no reader stood still")
        return
    if h.header.declared.get("declares.lossy"):
        yield unknown("it leaves items out for slow clients, so that nobody waits: BP-17 looks at that")
        return
    size = item_bytes(h)
    runs = []
    for stall in stalls(h):
        run = _run(h, stall)
        if run:
            runs.append(run)
        else:
            yield unknown("it told nothing of what it produced while the reader stood still", stall.began)
    beyond = [finding for run in runs if (finding := _beyond_its_word(h, run, size))]
    yield from beyond
    if runs and not beyond:
        yield _of_two(h, min(runs, key=lambda run: run.offered), max(runs, key=lambda run: run.offered), size)


def _run(h: History, stall: Stall) -> Run | None:
    """`taken` counts up to the answer, so what is left of the figure was ahead at some instant before it."""
    mine = accounts.of_this(h, stall.session, "produced")
    since = accounts.until(accounts.after(mine, stall.began), did(h, stall.session, "cancel:rst", "cancel:fin"))
    told_ = counted(h, stall.session, since)
    if not told_ or not stall.offered:
        return None
    most = max(told_, key=lambda f: f.value - stall.taken(h, f.record))
    return Run(stall, told_, most, most.value - stall.taken(h, most.record), _foreign(h, stall, most))


def _foreign(h: History, stall: Stall, figure: Figure) -> float:
    """How many items others may have produced since our baseline, at the pace of the total before we asked."""
    if not accounts.per_run(h, "produced", stall.session):
        return 0.0
    before = accounts.before_asking(h, stall.session, "produced")
    return accounts.most_pace(before) * (figure.record.t_ns - before[-1].asked_ns)


def _beyond_its_word(h: History, run: Run, size: float) -> Finding | None:
    """More than what the user declared, and than what the two kernels may hold."""
    bound = h.declared("large", "ahead_bytes_max")
    ahead = (run.ahead - run.foreign) * size
    if not isinstance(bound, int) or not ahead > bound + TRANSPORT_BYTES or run.most.value > _plausible(run):
        return None
    got = f"{run.most.value} of {run.offered} items produced, {run.most.value - run.ahead} taken: {mib(ahead)} ahead"
    return broken(run.stall.began, run.most.record, expected=f"at most {mib(bound)} ahead, as declared", got=got)


def _plausible(run: Run) -> float:
    """A figure beyond this counts something else than the items of this stream."""
    return 1.1 * run.offered + run.foreign


def _of_two(h: History, small: Run, large: Run, size: float) -> Finding:
    ended = small.stall.ended(h) or large.stall.ended(h)
    if large.offered < TIMES_LARGER * small.offered:
        return unknown("no two backlogs were offered, one much larger than the other")
    if any(run.most.value > _plausible(run) for run in (small, large)):
        return unknown("it tells of more items than were asked for", small.most.record, large.most.record)
    further = (large.ahead - large.foreign - small.ahead) * size
    if further > FURTHER_BYTES and large.most.value - large.foreign >= large.offered / 2:
        got = (
            f"{large.most.value} of {large.offered} items produced, {large.most.value - large.ahead} taken; "
            f"of {small.offered} it had been {small.most.value}"
        )
        wanted = f"with ten times as much to send, at most {mib(FURTHER_BYTES)} further ahead of a reader that stands"
        evidence = (small.stall.began, small.most.record, large.stall.began, large.most.record)
        return broken(*evidence, expected=f"{wanted} still", got=got)
    if ended:
        return unknown("it ended the stream of a reader that stood still: a legal policy", ended)
    if not size:
        return unknown("no item was read: their size is not known", large.stall.began)
    return _waits(h, large)


def _waits(h: History, run: Run) -> Finding:
    """Held when the producer was seen to stand still with more to do: inside a send, or until the reader went on."""
    still = accounts.standing_still(accounts.until(run.told, run.stall.over))
    if any(f.value < run.stall.taken(h, f.record) for f in run.told):
        return unknown("what it tells lags behind what was received", run.told[-1].record)
    if not still or accounts.lasted_ns(still) < STOOD * budget_ns(h, "steady_ms"):
        return unknown("it was still producing when the stall ended, or told too little", run.told[-1].record)
    if still[-1].value >= run.offered:
        return unknown("it had produced all that it was asked for", still[-1].record)
    sending = accounts.of_this(h, run.stall.session, "sending")
    inside = [f for f in accounts.until(sending, run.stall.over) if f.asked_ns >= still[0].asked_ns]
    if inside and all(f.value > 0 for f in inside):
        return held(run.stall.began, still[0].record, still[-1].record, inside[-1].record)
    if moved := next((f for f in run.told if f.value > still[-1].value), None):
        return held(run.stall.began, still[0].record, still[-1].record, moved.record)
    return unknown("its counter stood still, and did not move when the reader went on", still[-1].record)


def mib(octets: float) -> str:
    return f"{octets / MIB:.0f} MiB"


# By hand: 67,109 octets an item make 500 items of 32 MiB and 5,000 of 320.
_ITEM_BYTES: Final = 67_109
LARGE: Final = {"large.item_bytes": _ITEM_BYTES, **tells()}
BACKLOGS: Final = {"large-1": 32, "large-2": 320}


def large_item(n: int) -> Item:
    return Item(n, _ITEM_BYTES, f"{n:016x}", "{", _ITEM_BYTES * n, seq=n + 1)


def _stalled(
    session: str, figures: tuple[dict[str, int], ...], base: int, start_ms: float, rate: float, after: tuple[Event, ...]
) -> tuple[Row, ...]:
    """Three accounts, the question, accounts every 100 ms while nobody reads, three items, one more account, the end.
    Others produce `rate` items in a millisecond."""
    over = 25 + 100 * (len(figures) - 1)
    times = (0, 10, 20, *(24 + 100 * n for n in range(len(figures) - 1)), over + 15)
    told_ = ({"produced": base, "sending": 0},) * 3 + figures
    rows: list[tuple[float, Event]] = [(21, ASK), (22, head()), (23, Did("stall")), (over, Did("resume"))]
    for at_ms, values in zip(times, told_, strict=True):
        foreign = int((start_ms + at_ms) * rate)
        seen = {name: value + (foreign if name == "produced" else 0) for name, value in values.items()}
        rows.append((at_ms, account(start_ms + at_ms, **seen)))
    rows += [(over + 1 + n, event) for n, event in enumerate(after)] + [(over + 16, CANCEL[0])]
    return tuple((session, start_ms + at_ms, event) for at_ms, event in sorted(rows, key=lambda row: row[0]))


def backlogs(
    small: tuple[dict[str, int], ...],
    large: tuple[dict[str, int], ...],
    *,
    after: tuple[Event, ...] = (),
    rate: float = 0.0,
    bound: int | None = None,
) -> History:
    """Both backlogs, with what was told of each; the total of the second begins where that of the first ended."""
    taken = after or (large_item(0), large_item(1), large_item(2))
    rows = (
        *_stalled("large-1", small, 0, 0.0, rate, (large_item(0), large_item(1), large_item(2))),
        *_stalled("large-2", large, small[-1]["produced"], 20_000.0, rate, taken),
    )
    declared = LARGE if bound is None else {**LARGE, "large.ahead_bytes_max": bound}
    return offering(written(*rows, declared=declared), BACKLOGS)


def counts(*values: int, **also: int) -> tuple[dict[str, int], ...]:
    return tuple({"produced": value, **also} for value in values)


_WAITS: Final = counts(40, *(60,) * 7, 63)  # four MiB, then it stands; when the reader goes on, three more
_WAITS_ON: Final = counts(103, *(123,) * 7, 126)
_ALL: Final = counts(63 + 2500, *(63 + 5000,) * 7, 63 + 5000)

BP_05 = Rule(
    id="BP-05",
    level=Level.MUST,
    sentence="A producer whose client does not read waits, however much more it has to send.",
    source="seed 000 'Blocking' (the server pauses until the client consumes); seed 004 bounded channels",
    why="One reader that stands still then costs the memory of everything that it did not read.",
    needs=("role:large.item_bytes", "told:produced"),
    check=outrun,
    good=(
        backlogs(_WAITS, _WAITS_ON),
        # it says itself that it is inside a send
        backlogs(counts(*(60,) * 9, sending=1), counts(*(120,) * 9, sending=1)),
        # a buffer of 96 MiB is a bound
        backlogs(counts(*(500,) * 9), counts(*(500 + 1530,) * 7, 2033)),
        # still moving, and nobody knows for how long
        backlogs(_WAITS, counts(*(63 + 90 * n for n in range(1, 10)))),
        # others produce, too: slowly, or as much as would be broken
        backlogs(_WAITS, _WAITS_ON, rate=0.01),
        backlogs(_WAITS, _WAITS_ON, rate=4.0),
        # it counts octets
        backlogs(counts(*(4_000_000,) * 9), counts(*(8_200_000,) * 9)),
        # it drops a client that stands still
        backlogs(_WAITS, counts(*(123,) * 9), after=(large_item(0), EOF)),
        # the total began anew meanwhile
        backlogs(_WAITS, (*counts(*(123,) * 4), *counts(*(5_000,) * 4), {"produced": 0})),
        # it told nothing while it was busy
        backlogs(_WAITS, ({},) * 9),
        # its figure is late: it knows of nothing that was received
        backlogs(counts(*(0,) * 9), counts(*(0,) * 9)),
        # it was declared to run 40 MiB ahead, and does
        backlogs(counts(*(500,) * 9), counts(*(500 + 620,) * 7, 1123), bound=40 * MIB),
    ),
    bad=(
        backlogs(_WAITS, _ALL),
        # others produce as well
        backlogs(_WAITS, _ALL, rate=0.05),
        # told only after the stall, and still far ahead of what was taken
        backlogs(_WAITS, (*({},) * 8, {"produced": 63 + 5_000})),
        # further than it was declared to
        backlogs(_WAITS, counts(*(63 + 400,) * 9), bound=MIB),
    ),
)
