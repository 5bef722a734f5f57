"""LC-11: the state that an object tells of itself, or a witness of its handler, as it was observed from outside.

Words are compared by what they commonly mean; a stream that has others is not judged by them. Never here: what a stream
does in a state.
"""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written_calls import back, begun, played, told
from streamspec.harness.rules._endings import Story, each, ended_at, overlap
from streamspec.harness.rules._scripted_ends import both
from streamspec.harness.rules._scripted_states import COMING_BACK, MOVING, told_states_move_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.written_calls import Part

_MEANINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "open": ("open", "active", "ready", "running", "streaming"),
        "closing": ("closing", "draining", "ending", "flushing"),
        "closed": ("closed", "completed", "complete", "done", "finished", "ended"),
        "errored": ("errored", "error", "failed"),
        "cancelled": ("cancelled", "canceled", "aborted"),
        "expired": ("expired", "timed_out"),
    }
)
_RANK: Final[Mapping[str, int]] = MappingProxyType({"open": 0, "closing": 1})
_LAST: Final = 2  # the rank of a state in which a stream stays


def _states_move_on(story: Story) -> Iterator[Finding]:
    seen = tuple(_observed(story))
    strange = next((word for _, word in seen if not _meaning(word)), None)
    if strange is not None:
        yield unknown(f"it calls its state {strange}, which is no word that we know")
        return
    moved = False
    for (before, was), (after, now) in pairwise(seen):
        rank, same = _rank(was), _meaning(was) == _meaning(now)
        if not same and (rank == _LAST or _rank(now) < rank):
            expected = f"{was} for ever" if rank == _LAST else "a state that moves on"
            yield broken(before, after, expected=expected, got=f"{was}, then {now}")
            return
        moved = moved or not same or rank == _LAST
    if moved:
        yield held(seen[0][0], seen[-1][0])
    elif seen:
        yield unknown("the state was not seen to move", seen[-1][0])


def _meaning(word: str) -> str:
    return next((meaning for meaning, words in _MEANINGS.items() if word in words), "")


def _rank(word: str) -> int:
    return _RANK.get(_meaning(word), _LAST)


def _observed(story: Story) -> Iterator[tuple[Record, str]]:
    """Looks at the state, in their order. Two at once have none."""
    looks = story.calls("observe")
    for look in looks:
        if any(other is not look and overlap(other, look) for other in looks):
            continue
        for record in story.told:
            word = getattr(record.event, "values", {}).get("state")
            if look.called.index < record.index < ended_at(look) and word is not None:
                yield record, str(word).rpartition(".")[2].lower()


def _looks(*words: str) -> tuple[Part, ...]:
    return tuple((begun(n, "observe", "observer"), told(state=word), back(n)) for n, word in enumerate(words))


LC_11 = Rule(
    id="LC-11",
    level=Level.MUST,
    sentence="The state moves from open by closing to closed, or to errored or cancelled, and never back or on.",
    source="seed 002 'Stream States'",
    why="Whoever looks at the state to tidy up, to retry or to go on is told a different story each time.",
    needs=("object|script", "feature:state|told:state"),
    check=both(each(_states_move_on), told_states_move_on),
    good=(
        *MOVING,
        played(_looks("OPEN", "DRAINING", "COMPLETED", "COMPLETED")),
        played(_looks("open", "errored", "errored")),
        played(_looks("State.Open", "State.Closed")),
        # a word of its own
        played(_looks("open", "halfway", "open")),
        # two threads that look at once may tell it in the wrong order
        played(
            *(begun(0, "observe", "one"), begun(1, "observe", "two")),
            *(told(state="COMPLETED"), back(1), told(state="OPEN"), back(0)),
            kind="threads",
        ),
    ),
    bad=(
        *COMING_BACK,
        played(_looks("OPEN", "COMPLETED", "CANCELLED")),
        played(_looks("OPEN", "DRAINING", "OPEN")),
        played(_looks("open", "errored", "closed")),
    ),
)
