"""What is drawn for the roles of a server that nobody changed: which of them, read how far, left how, what beside it.

A stream without an end is always left, and one that ends may be read to its end. Never here: what a role must do (the
rules say that), or a script for the server (`scripts`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.case import REFUSED, Scenario
from streamspec.harness.core.property import Property
from streamspec.harness.core.script import Act, Ask, Await, Read, Script, Session
from streamspec.scenarios.properties._acts import asks, leavings, several, stalls, together, weighted
from streamspec.scenarios.properties._smaller import smaller

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamspec.harness.core.case import Capabilities

# How each role is read: item by item within the first budget, and to its end within the second (empty: it has none).
BUDGETS: Final[tuple[tuple[str, str, str], ...]] = (
    ("finite", "item_ms", "finite_ms"),
    ("endless", "look_ms", ""),
    ("failing", "item_ms", "failing_ms"),
    ("prompt", "prompt_ms", "prompt_ms"),
    ("large", "item_ms", "large_ms"),
    ("idle", "look_ms", ""),
    ("empty", "item_ms", "item_ms"),
    ("text", "item_ms", "finite_ms"),
    ("resumable", "item_ms", "item_ms"),
)
_READS_MAX: Final = 4
_ITEMS: Final = (1, 2, 3, 5, 20)
_ON_ITEMS: Final = 4  # of a stream that is resumed
_ONE_ITEM: Final = (1,)  # of a role that sends one, and then nothing for longer than anybody waits


def _drawn(target: Capabilities) -> Any:
    from hypothesis import strategies as st

    budgets = {name: (item, end) for name, item, end in BUDGETS if name in target.roles and name not in REFUSED}
    session = st.sampled_from(list(budgets)).flatmap(lambda role: _session(role, *budgets[role]))
    return st.builds(_scenario, several(session), together(target))


def _session(role: str, item_budget: str, end_budget: str) -> Any:
    from hypothesis import strategies as st

    counts = _ONE_ITEM if role == "idle" else _ITEMS
    known = {"read": st.builds(Read, st.sampled_from(counts), st.just(item_budget)), "stall": stalls()}
    acts = st.lists(weighted(known, {"read": 3, "stall": 1}), max_size=1 if role == "idle" else _READS_MAX)
    quiet = role == "failing"
    to_its_end = st.just((Read(0, end_budget, quiet=quiet),)) if end_budget else st.nothing()
    resumes = st.booleans() if role == "resumable" else st.just(value=False)
    return st.tuples(st.just(role), asks(), acts, st.one_of(to_its_end, leavings()), resumes)


_Drawn = tuple[str, Ask, "Sequence[Act]", tuple[Act, ...], bool]


def _scenario(drawn: Sequence[_Drawn], at_once: bool) -> Scenario:  # noqa: FBT001 -- drawn
    sessions = [session for number, one in enumerate(drawn, 1) for session in _sessions(number, *one)]
    first = sessions[0].id
    placed = (replace(s, beside=first if at_once and s.id != first else "") for s in sessions)
    return Scenario(ROLES.id, ROLES.sentence, Script(tuple(placed)), promises=())


def _sessions(
    number: int,
    role: str,
    ask: Ask,
    acts: Sequence[Act],
    end: tuple[Act, ...],
    resumes: bool,  # noqa: FBT001 -- drawn
) -> Iterator[Session]:
    """One stream; and one more that goes on behind what was read of it, when it is over."""
    options = {"backlog_mib": 1} if role == "large" else {}
    one = Session(f"{role}-{number}", role, (ask, *acts, *end), options=options)
    yield one
    if resumes:
        on: tuple[Act, ...] = (Await(one.id, len(one.acts)), Ask(after=one.id), Read(_ON_ITEMS, "item_ms"))
        yield Session(f"{one.id}-on", role, on)


ROLES: Final = Property(
    "properties/roles",
    "whatever clients do to the streams of a server: how they ask, how far they read, how they leave",
    ("|".join(f"role:{name}" for name, _, _ in BUDGETS),),
    _drawn,
    smaller,
)
