"""BP-06 on servers: what the memory of a server holds of a client that does not read, the second sensor of `outrun`.

Process evidence accuses, and acquits of nothing but itself (design 5): memory that does not grow while nobody reads is
bounded, whatever the producer does. Never here: later readings, which grow for many honest reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import accounts, standing
from streamspec.harness.core.event import Did, Item, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, CANCEL, EOF, RESET, account, head, told, written
from streamspec.harness.rules._accounts import MIB, Stall, budget_ns, item_bytes, offering, stalls, tells
from streamspec.harness.rules.outrun import (
    BACKLOGS,
    LARGE,
    STOOD,
    TIMES_LARGER,
    TRANSPORT_BYTES,
    large_item,
    mib,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.accounts import Figure
    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

_SOON_NS: Final = 5e9  # a producer that made this much so soon had waited, and not worked slowly
_RESTING: Final = 0.25  # of one processor, which is what our accounts may cost


@dataclass(frozen=True, slots=True)
class Memory:
    """What the process tree held of one stalled stream: how much more than before we asked, and how much of that came
    after the head, while nobody read. What had been built before is no backlog."""

    stall: Stall
    base: Figure
    first: Figure
    most: Figure

    @property
    def since_asked(self) -> int:
        return self.most.value - self.base.value

    @property
    def meanwhile(self) -> int:
        return self.most.value - self.first.value

    @property
    def records(self) -> tuple[Record, ...]:
        return self.base.record, self.stall.began, self.first.record, self.most.record


def memory_is_bounded(h: History) -> Iterator[Finding]:
    size = item_bytes(h)
    held_of = [(memory, memory.stall.offered * size) for stall in stalls(h) if (memory := _memory(h, stall))]
    if not held_of or not size:
        for session in h.sessions("large"):
            yield unknown(standing.not_opened(h, session) or "too little was seen of its memory while nobody read")
        return
    small, large = min(held_of, key=lambda one: one[1]), max(held_of, key=lambda one: one[1])
    if large[1] < TIMES_LARGER * small[1]:
        yield unknown("no two backlogs were offered, one much larger than the other")
    elif all(memory.meanwhile >= octets / 2 for memory, octets in (small, large)):
        got = " and ".join(f"{mib(memory.meanwhile)} of {mib(octets)}" for memory, octets in (small, large))
        wanted = "the memory of the server does not grow with what it has yet to send"
        yield broken(small[0].records, large[0].records, expected=wanted, got=f"it grew by {got} while nobody read")
    elif ended := small[0].stall.ended(h) or large[0].stall.ended(h):
        yield unknown("it ended the stream of a reader that stood still: a legal policy", ended)
    elif small[0].since_asked > small[1] / 2 or large[0].since_asked > large[1] / 4:
        grew = " and ".join(f"{mib(m.since_asked)}, {mib(m.meanwhile)} of it during the stall" for m, _ in held_of)
        yield unknown(f"its memory grew by {grew}: perhaps its items were there before the first was sent")
    elif pressed := _pressed(h, large[0]):
        yield held(small[0].records, large[0].records, pressed)
    else:
        yield unknown("nothing shows that more was waiting than what the transport holds", large[0].stall.began)


def _memory(h: History, stall: Stall) -> Memory | None:
    """The figures of one stalled stream, if they were seen until its memory had settled, or for the whole stall."""
    rss = accounts.figures(h, stall.session, "rss_bytes")
    before = accounts.before_asking(h, stall.session, "rss_bytes")
    during = accounts.until(accounts.after(rss, standing.opened(h, stall.session)), stall.over)
    if not stall.offered or not before or accounts.lasted_ns(during) < STOOD * budget_ns(h, "steady_ms"):
        return None
    return Memory(stall, before[-1], during[0], max(during, key=lambda f: f.value))


def _pressed(h: History, memory: Memory) -> Record | None:
    """What shows that the stall was one for the server: it rested, and then more came, and soon, than what two kernels
    hold; or it says itself that it stood still with more to do."""
    stall = memory.stall
    told_ = accounts.until(accounts.of_this(h, stall.session, "produced"), stall.over)
    still = accounts.standing_still(told_)
    if len(still) > 1 and 0 < still[-1].value < stall.offered:
        return still[-1].record
    came = [r for r in h.of(Item, stall.session) if stall.over and r.index > stall.over.index]
    if not stall.over or not came or not _rested(h, stall):
        return None
    octets = sum(r.event.size for r in came if isinstance(r.event, Item))
    return came[-1] if octets > TRANSPORT_BYTES and came[-1].t_ns - stall.over.t_ns < _SOON_NS else None


def _rested(h: History, stall: Stall) -> bool:
    """Whether the process did next to nothing at the end of the stall. On a busy machine one that works without a pause
    gets no more processor time than one that rests: what it made, or holds, grows all the same."""
    last = _last(h, stall, accounts.figures(h, stall.session, "cpu_ms"))
    if accounts.lasted_ns(last) < STOOD * budget_ns(h, "steady_ms") / 2:
        return False
    made = _last(h, stall, accounts.of_this(h, stall.session, "produced"))
    held_ = _last(h, stall, accounts.figures(h, stall.session, "rss_bytes"))
    if _grew(made) > 0 or _grew(held_) > accounts.GRAINS["rss_bytes"]:
        return False
    return _grew(last) * 1e6 <= _RESTING * (last[-1].record.t_ns - last[0].asked_ns)


def _last(h: History, stall: Stall, figures: Sequence[Figure]) -> list[Figure]:
    """Those of the end of the stall."""
    if stall.over is None:
        return []
    since_ns = stall.over.t_ns - budget_ns(h, "steady_ms")
    return [f for f in accounts.until(figures, stall.over) if f.asked_ns >= since_ns]


def _grew(figures: Sequence[Figure]) -> int:
    return figures[-1].value - figures[0].value if figures else 0


def remembered(
    *runs: tuple[str, tuple[int, ...]],
    after: tuple[Event, ...] = (),
    told_too: bool = False,
    busy: int = 1,
    makes: int = 0,
) -> History:
    """Both backlogs, with the MiB that the process held before we asked, and then every 100 ms of the stall, in which
    it was `busy` for so many milliseconds and, where that is told, made so many items."""
    rows: list[Row] = []
    for number, (session, figures) in enumerate(runs):
        start_ms = 20_000.0 * number + 20
        seen = [account(start_ms + 100 * n, rss_bytes=value * MIB, cpu_ms=busy * n) for n, value in enumerate(figures)]
        counts = range(1, len(figures)) if told_too else ()
        also = [account(start_ms + 100 * n + 5, produced=60 + makes * n) for n in counts]
        rows += told(session, seen[0], ASK, head(), Did("stall"), start_ms=start_ms)
        rows += [(session, f.asked_ns / 1e6, f) for f in sorted((*seen[1:], *also), key=lambda f: f.asked_ns)]
        over_ms = start_ms + 10 + 100 * len(figures)
        rows += told(session, Did("resume"), *(after or _NINE_MIB), *CANCEL, start_ms=over_ms)
    return offering(written(*rows, declared={**LARGE, **tells("stream", "produced")}), BACKLOGS)


_NINE_MIB: Final = tuple(large_item(n) for n in range(141))
_KEPT: Final = ("large-1", (50, 51, *(52,) * 8))
_KEPT_STILL: Final = ("large-2", (52, 53, *(55,) * 8))
_SWELLS: Final = ("large-1", (50, 51, 70, *(84,) * 8))
_SWELLS_ON: Final = ("large-2", (84, 90, 200, 300, *(390,) * 8))

BP_06 = Rule(
    id="BP-06",
    level=Level.MUST,
    sentence="The memory of a server does not hold what a client that does not read has yet to get.",
    source="seed 004 ('bounded channels prevent memory issues'); contract 1 (design 1)",
    why="A few readers that stand still then end the process, and every stream in it.",
    needs=("role:large.item_bytes", "process:spawn"),
    after=("BP-05",),
    check=memory_is_bounded,
    good=(
        remembered(_KEPT, _KEPT_STILL),
        # little came afterwards, but it says itself that most was not produced
        remembered(_KEPT, _KEPT_STILL, after=(large_item(0),), told_too=True),
        # at work all the time: perhaps it fills what it was given before
        remembered(_KEPT, _KEPT_STILL, busy=90),
        # it gets little of a busy machine's time, and goes on producing in all of it
        remembered(_KEPT, _KEPT_STILL, told_too=True, makes=100),
        # nothing shows that it was under pressure
        remembered(_KEPT, _KEPT_STILL, after=(large_item(0),)),
        # it had built all its items before it sent the first: no backlog of this client's
        remembered(("large-1", (50, *(85,) * 9)), ("large-2", (85, *(405,) * 9))),
        # a heap that grows by a step, whatever is offered
        remembered(("large-1", (50, 51, *(90,) * 8)), ("large-2", (90, 91, *(95,) * 8))),
        # what the first one took was there for the second
        remembered(_SWELLS, ("large-2", (400, *(400,) * 9))),
        # it drops a client that stands still
        remembered(_KEPT, _KEPT_STILL, after=(large_item(0), RESET)),
        # seen too seldom
        remembered(_KEPT, ("large-2", (52, 300, 390))),
    ),
    bad=(
        remembered(_SWELLS, _SWELLS_ON),
        # the client is dropped in the end, and had been remembered until then
        remembered(_SWELLS, _SWELLS_ON, after=(large_item(0), EOF)),
    ),
)
