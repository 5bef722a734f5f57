"""Scripts that are drawn, played on a target over one binding; and, abstractly, what its client was shown and what its
handler experienced. Never here: a test, or which targets are compared.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from streamspec.harness.assembly import Settings
from streamspec.harness.core.accounts import figures
from streamspec.harness.core.case import Case, Scenario
from streamspec.harness.core.event import Completed, Failed, Item, Told
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Cancel, Direction, Read, Script, Session, Watch
from streamspec.harness.core.steps import Abandon, Complete, Fail, Gate, Generate, Send, Step, Wait
from streamspec.harness.held_target import HeldTarget, Part

if TYPE_CHECKING:
    from streamspec.harness.core.history import History
    from streamspec.harness.core.run import Result

FIRST: Final = "script-1"
TO_ITS_END: Final = Read(0, "failing_ms", quiet=True)
VALUES: Final = (
    '""',
    "0",
    "null",
    "[]",
    '{"a":[1,true,null]}',
    '"a line\\nand another\\r\\n"',
    '"\\u2028\\ud834\\udd1e"',
)
CODES: Final = ("INTERNAL", "NOT_FOUND", "UNAVAILABLE", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAUTHORIZED")
Trace = tuple[tuple[object, ...], str]

STEP: Final = st.one_of(
    st.builds(Send, st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(tuple)),
    st.builds(
        Generate, st.sampled_from((1, 2, 10, 40)), st.sampled_from((0, 40, 4_096, 65_536)), st.sampled_from((0, 1))
    ),
    st.builds(Wait, st.sampled_from((1, 20))),
)
END: Final = st.one_of(
    st.just(Complete()), st.builds(Fail, st.sampled_from(CODES), st.just("no")), st.just(Abandon()), st.just(Fail())
)
SCRIPTS: Final = st.tuples(st.lists(STEP, max_size=4).map(tuple), END).map(lambda parts: (*parts[0], parts[1]))


def held(base: str, binding: str) -> HeldTarget:
    """The adapter at this URL over this binding, its dialect as it says itself. It opens when it is first asked."""
    return HeldTarget(lambda: Part(Settings(look=Request(base), script=base, binding=binding, profile=""), ()))


def result(target: HeldTarget, on: str, steps: tuple[Step, ...], *acts: Act, direction: Direction = "server") -> Result:
    """What became of one stream. Each is a new case: a held target plays no case twice."""
    session = Session(FIRST, SCRIPT, (Ask(), *acts), steps=steps, direction=direction)
    scenario = Scenario("properties/bindings", "one script over every binding", Script((session,)), promises=())
    number = len(target.run().results)
    return target.played(Case(f"properties/bindings-{number}@{on}", scenario, on, (), seed=0))


def played(
    target: HeldTarget, on: str, steps: tuple[Step, ...], *acts: Act, direction: Direction = "server"
) -> History:
    """What was seen of one stream."""
    found = result(target, on, steps, *acts, direction=direction)
    assert found.history is not None, found
    return found.history


def trace(history: History) -> Trace:
    """What a client was shown: the items, and how the stream ended."""
    items = [r.event for r in history.of(Item, FIRST) if isinstance(r.event, Item)]
    ends = [r.event for r in history.of((Completed, Failed), FIRST)]
    (end,) = ends
    return tuple(map(_value, items)), f"failed {end.code}" if isinstance(end, Failed) else "completed"


def _value(item: Item) -> object:
    """The JSON of an item, or where only its beginning is kept, how long it was and its hash."""
    if item.size != len(item.prefix) or "\\x" in item.prefix:
        return item.size, item.sha
    value: Any = json.loads(item.prefix)
    return json.dumps(value, sort_keys=True)


OUTCOME: Final = ("cancel_seen", "cleanups", "sends_after_cancel", "sent")


def left(target: HeldTarget, on: str, how: str, items: int) -> History:
    """A client leaves behind so many items, where the handler waits at a gate that nobody opens: nothing races."""
    read = Read(items, "item_ms", needed=True)
    cancel = Cancel(how)  # type: ignore[arg-type]  # one of `fin`, `rst`, `word`
    acts = (read, Account(), cancel, Watch("learn_ms", moved=("cancel_seen",)), Watch("aftermath_ms"), Account())
    return played(target, on, (Generate(items), Gate("shut")), *acts)


def outcome(history: History) -> tuple[object, ...]:
    """What the handler experienced, as its witness told last."""
    numbers = tuple(told[-1].value if (told := figures(history, FIRST, name)) else None for name in OUTCOME)
    accounts = [r.event.values for r in history.of(Told, FIRST) if isinstance(r.event, Told)]
    return (*numbers, accounts[-1].get("cancel_code"), accounts[-1].get("state"))


def generated(examples: int) -> settings:
    """So many scripts at most are drawn until one shows what is looked for; it is not made smaller, nor kept."""
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow],
    )
