"""MX: several streams under one scheduler: the higher priority goes first, and the lowest goes on.

Ready sets are compared, never rates: a lane is ready for certain when a send of its own has come back and nobody has
taken that item. Never here: lanes with limits of their own, or several takers, of whom nobody knows who came first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import calls
from streamspec.harness.core.event import Called, Returned, Settled
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import SETTLED, begun, done, played, send, sends
from streamspec.harness.rules import _shares
from streamspec.harness.rules._scripted_ends import both

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.calls import Span
    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written_calls import Part

TURNS_FIRST: Final = 2  # of others: a scheduler that gives every second turn to the lowest knows no priority
_LANE: Final = re.compile(r"([\w-]+):(-?\d+)")
_LIMITS: Final = ("deadline_ms", "idle_ms")


@dataclass(frozen=True, slots=True)
class Contest:
    """One take, the lane it served, and the others that were ready all the while. `passed` counts for every lane the
    takes since it was served, and so at least those in which it was passed over; `quiet`: all had time to get ready."""

    take: Span
    lane: str
    rivals: tuple[str, ...]
    passed: Mapping[str, int]
    quiet: bool


def _scheduled(h: History, session: str) -> tuple[Record, dict[str, int]] | None:
    """When the session's lanes were there, and their priorities; None where nobody can tell who was served when."""
    schedules = calls.spans(h, session, "schedule")
    takers = {span.by for span in calls.spans(h, session, "take")}
    limited = any(calls.option(h, session, name) is not None for name in _LIMITS)
    if len(schedules) != 1 or not schedules[0].returned or not schedules[0].ended or len(takers) != 1 or limited:
        return None
    made = schedules[0].ended
    lanes = {name: int(priority) for name, priority in _LANE.findall(schedules[0].arg)}
    early = any(span.by in lanes and not span.called.index > made.index for span in calls.spans(h, session, "send"))
    return None if early else (made, lanes)


def _contests(h: History, session: str, lanes: Mapping[str, int]) -> Iterator[Contest]:
    """The takes that brought an item, in order, up to the first that did not."""
    accepted = {lane: [span for span in calls.sent(h, session) if span.by == lane] for lane in lanes}
    taken = dict.fromkeys(lanes, 0)
    passed = dict.fromkeys(lanes, 0)
    for take in calls.spans(h, session, "take"):
        found = _LANE.match(take.value)
        if not found or found[1] not in lanes:
            return
        lane = found[1]
        ready = [
            name
            for name in lanes
            if name != lane and sum(span.ended_before(take.called) for span in accepted[name]) > taken[name]
        ]
        yield Contest(take, lane, tuple(ready), dict(passed), _quiet(h, session, take))
        taken[lane] += 1
        passed = {name: 0 if name == lane else n + 1 for name, n in passed.items()}


def _quiet(h: History, session: str, take: Span) -> bool:
    """Whether everything had settled when this take began: a scheduler may look ahead, and must be able to."""
    before = [r for r in h.of((Called, Returned, Settled), session) if r.index < take.called.index]
    return bool(before) and isinstance(before[-1].event, Settled)


def _bound(h: History) -> int | None:
    """After so many turns for others a ready lane goes first, whatever its priority; None if that is not declared."""
    declared = h.header.declared.get("object.starvation_bound")
    return declared if calls.has(h, "starvation-bound") and isinstance(declared, int) else None


def higher_goes_first(h: History) -> Iterator[Finding]:
    if not calls.has(h, "priority"):
        return
    bound = _bound(h)
    first = TURNS_FIRST if bound is None else min(TURNS_FIRST, bound)
    for session in calls.objects(h):
        scheduled = _scheduled(h, session)
        if not scheduled:
            continue
        made, lanes = scheduled
        contests = [contest for contest in _contests(h, session, lanes) if contest.quiet and contest.rivals]
        for contest in contests:
            yield from _first(contest, made, lanes, first)
        if not contests:
            yield unknown("no two streams were ready at once, with everything settled", made)


def _first(contest: Contest, made: Record, lanes: Mapping[str, int], first: int) -> Iterator[Finding]:
    """A lower one may be served for its patience, not before others have had some turns."""
    own = lanes[contest.lane]
    highest = max(contest.rivals, key=lambda lane: lanes[lane])
    if lanes[highest] > own and contest.passed[contest.lane] < first:
        expected = f"an item of {highest} (priority {lanes[highest]}), which was ready"
        got = f"{contest.take.value.rstrip(' .')} (priority {own}), passed over {contest.passed[contest.lane]} times"
        yield broken(made, contest.take.records, expected=expected, got=got)
    elif own > min(lanes[lane] for lane in contest.rivals) and own >= lanes[highest]:
        yield held(made, contest.take.records)


def _lane_of(name: str) -> Part:
    """Two items of a lane, accepted."""
    return sends({"low": 1, "high": 4}[name], 1, 2, name)


def _taken(call: int, name: str, seq: int) -> Part:
    return done(call, "take", "taker", value=f"{name}:{seq}")


_MADE: Final = done(0, "schedule", "taker", "low:1 high:9")
_BOTH: Final = (_MADE, _lane_of("low"), _lane_of("high"), SETTLED)
_OFFERED: Final = {"feature.priority": True}
_BOUND: Final = {"feature.priority": True, "feature.starvation-bound": True, "object.starvation_bound": 2}

MX_05 = Rule(
    id="MX-05",
    level=Level.SHOULD,
    sentence="Of several streams that are ready the one with the higher priority is served first.",
    source="seed 002 'priority' (higher = processed first)",
    why="A priority that changes nothing lets an alarm wait behind a backlog.",
    needs=("object|mux", "feature:priority"),
    check=both(_shares.higher_is_given_more, higher_goes_first),
    good=(
        *_shares.PREFERRED,
        played(_BOTH, _taken(9, "high", 1), SETTLED, _taken(10, "high", 2), SETTLED, _taken(11, "low", 1),
               declared=_OFFERED),
        # only the lower one was ready
        played(_MADE, _lane_of("low"), SETTLED, _taken(9, "low", 1), begun(4, "send", "high", "high:1"),
               declared=_OFFERED),
        # it had been passed over often enough, or turns are all that was promised
        played(_BOTH, send(6, 3, "high"), SETTLED, _taken(9, "high", 1), SETTLED, _taken(10, "high", 2), SETTLED,
               _taken(11, "low", 1), declared=_OFFERED),
        played(_BOTH, _taken(9, "low", 1), declared=_BOUND | {"object.starvation_bound": 0}),
        # nothing had settled: a scheduler that looks ahead has not seen the item yet
        played(_BOTH, _taken(9, "high", 1), _taken(10, "low", 1), declared=_OFFERED),
    ),
    bad=(
        *_shares.ALIKE,
        played(_BOTH, _taken(9, "low", 1), declared=_OFFERED),
        played(_BOTH, _taken(9, "high", 1), SETTLED, _taken(10, "low", 1), declared=_OFFERED),
    ),
)  # fmt: skip


def the_lowest_goes_on(h: History) -> Iterator[Finding]:
    bound = _bound(h)
    if bound is None or not calls.has(h, "priority"):
        return
    for session in calls.objects(h):
        scheduled = _scheduled(h, session)
        if scheduled:
            yield from _patience(h, session, scheduled[1], bound + max(0, len(scheduled[1]) - 2))


def _patience(h: History, session: str, lanes: Mapping[str, int], most: int) -> Iterator[Finding]:
    """Every lane that is ready waits for at most so many others: the bound, and one turn more for each further lane
    that may be starving with it."""
    waited = dict.fromkeys(lanes, 0)
    served = False
    for contest in _contests(h, session, lanes):
        waited = {name: n + 1 if name in contest.rivals else 0 for name, n in waited.items()}
        starved = next((name for name, n in waited.items() if n > most), None)
        if starved:
            expected = f"{starved} served within {most} turns of others"
            got = f"passed over {waited[starved]} times while it had items"
            yield broken(contest.take.records, expected=expected, got=got)
            return
        if any(lanes[rival] > lanes[contest.lane] for rival in contest.rivals) and contest.passed[contest.lane]:
            served = True
            yield held(contest.take.records)
    if not served:
        yield unknown(f"nobody of low priority was served after others, while those were ready (bound: {most} turns)")


MX_06 = Rule(
    id="MX-06",
    level=Level.SHOULD,
    sentence="However low its priority, a stream that is ready is passed over no more often than the declared bound.",
    source="contract 6 (design 1: nobody starves); seed 002 'priority'",
    why="Without a bound one busy stream of high priority silences all the others.",
    needs=("object|mux", "feature:priority", "feature:starvation-bound|feature:starvation_bound"),
    check=both(_shares.lowest_is_given_some, the_lowest_goes_on),
    good=(
        *_shares.PATIENT,
        played(_BOTH, send(6, 3, "high"), SETTLED, _taken(9, "high", 1), _taken(10, "high", 2), _taken(11, "low", 1),
               declared=_BOUND),
        # it had nothing to give
        played(_MADE, sends(1, 1, 4, "high"), SETTLED, *(_taken(9 + n, "high", n) for n in (1, 2, 3, 4)),
               declared=_BOUND),
    ),
    bad=(
        *_shares.STARVED,
        played(_MADE, send(1, 1, "low"), sends(2, 1, 4, "high"), *(_taken(9 + n, "high", n) for n in (1, 2, 3)),
               declared=_BOUND),
    ),
)  # fmt: skip
