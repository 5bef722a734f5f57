"""What is drawn for a server that plays scripts: its steps and options, and what the client does meanwhile.

A script ends by itself, or its client leaves; a gate that is in it is opened. Never here: an expectation, or a step
that the server does not offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.property import Property
from streamspec.harness.core.script import SCRIPT, Account, Act, Ask, Open, Read, Script, Session, Watch
from streamspec.harness.core.steps import Abandon, Complete, Fail, Gate, Generate, Refuse, Send, Step, Wait
from streamspec.scenarios.properties._acts import asks, leavings, several, stalls, together, weighted
from streamspec.scenarios.properties._smaller import smaller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.case import Capabilities
    from streamspec.harness.core.contract import Features

STEPS_MAX: Final = 4
ACTS_MAX: Final = 4
COUNTS: Final = (1, 2, 3, 10, 40)
# What buffers hold, and one octet less or more.
SIZES: Final = (0, 40, *(size + by for size in (256, 512, 1_024, 4_096, 8_192, 16_384, 65_536) for by in (0, -1, 1)))
EVERY_MS: Final = (0, 0, 1, 5)
WAITS_MS: Final = (1, 20, 100)
ITEMS: Final = (
    *('""', "0", "null", "[]", "{}", "true", '"text"', '{"a":[1,true,null]}', '"a line\\nand another\\r\\n"'),
    *('" blanks "', '"data: x"', '"\\u2028\\ud834\\udd1e"', '"' + "x" * 200 + '"'),
)
CODES: Final = ("INTERNAL", "NOT_FOUND", "UNAVAILABLE", "INVALID_ARGUMENT")
MESSAGES: Final = ("no", "as the script says", "two\nlines")
# Options that take no item from anybody, and how long they may be; of those that end a stream, mostly none is drawn.
OPTIONS: Final[tuple[tuple[str, tuple[int, ...]], ...]] = (
    ("heartbeat_ms", (50, 200)),
    ("deadline_ms", (150, 60_000)),
    ("idle_ms", (150, 60_000)),
    ("send_timeout_ms", (150, 60_000)),
)
SOON_MS: Final = 1_000  # a deadline that is waited for
_RARELY: Final = 5  # times that nothing is drawn, for each time that something is
GATE: Final = "drawn"
_TO_ITS_END: Final = Read(0, "failing_ms", quiet=True)
_AFTERWARDS: Final[tuple[Act, ...]] = (Watch("aftermath_ms", moved=("ended", "cleanups")), Account())


def _drawn(target: Capabilities) -> Any:
    from hypothesis import strategies as st

    assert target.scripted is not None
    features = target.scripted.features
    return st.builds(_scenario, several(_session(features)), together(target))


def _session(features: Features) -> Any:
    from hypothesis import strategies as st

    known = {"read": st.builds(Read, st.sampled_from((1, 2, 5, 20)), st.just("item_ms")), "stall": stalls()}
    told = {"account": st.just(Account())} if features.witness else {}
    acts = st.lists(weighted(known | told, {"read": 4, "stall": 2, "account": 1}), max_size=ACTS_MAX)
    leaves = st.one_of(st.just((_TO_ITS_END,)), leavings())
    looks_afterwards = st.sampled_from((False, False, False, True) if features.witness else (False,))
    return st.tuples(_steps(features), _options(features), asks(), acts, leaves, looks_afterwards)


def _steps(features: Features) -> Any:
    from hypothesis import strategies as st

    every: dict[str, Any] = {
        "generate": st.builds(Generate, *map(st.sampled_from, (COUNTS, SIZES, EVERY_MS))),
        "send": st.builds(Send, st.lists(st.sampled_from(ITEMS), min_size=1, max_size=3).map(tuple)),
        "wait": st.builds(Wait, st.sampled_from(WAITS_MS)),
        "gate": st.just(Gate(GATE)),
    }
    known = {name: strategy for name, strategy in every.items() if name in features.steps}
    middle = st.lists(weighted(known, {"generate": 5, "send": 2, "wait": 2, "gate": 1}), max_size=STEPS_MAX).map(tuple)
    scripts = st.tuples(middle, _ends(features)).map(_joined)
    if "refuse" not in features.steps:
        return scripts
    refused = st.builds(Refuse, st.sampled_from(CODES)).map(lambda step: (step,))
    return st.integers(0, 2 * _RARELY).flatmap(lambda n: refused if n == 2 * _RARELY else scripts)


def _joined(parts: tuple[tuple[Step, ...], tuple[Step, ...]]) -> tuple[Step, ...]:
    return (*parts[0], *parts[1])


def _ends(features: Features) -> Any:
    """How a script is over: by an end, or without one where returning is an end; or it never is."""
    from hypothesis import strategies as st

    explicit = bool(features.declares.get("explicit_end"))
    ends: dict[str, Any] = {
        "complete": st.just((Complete(),)),
        "fail": st.builds(Fail, st.sampled_from(CODES), st.sampled_from(MESSAGES)).map(lambda step: (step,)),
        "generate": st.just((Generate(every_ms=5),)),
        "abandon": st.just((Abandon(),)),
    }
    known = {name: strategy for name, strategy in ends.items() if name in features.steps}
    if not explicit:
        known["return"] = st.just(())
    return weighted(known, {"complete": 5, "return": 2, "fail": 3, "generate": 2, "abandon": 1})


def _options(features: Features) -> Any:
    from hypothesis import strategies as st

    none = (None,) * _RARELY
    drawn = {name: st.sampled_from((*none, *values)) for name, values in OPTIONS if name in features.options}
    return st.fixed_dictionaries(drawn).map(
        lambda options: {name: value for name, value in options.items() if value is not None}
    )


_Session = tuple[tuple[Step, ...], "Mapping[str, int]", Ask, "Sequence[Act]", tuple[Act, ...], bool]


def _scenario(drawn: Sequence[_Session], at_once: bool) -> Scenario:  # noqa: FBT001 -- drawn
    sessions = [
        Session(
            f"script-{number}",
            SCRIPT,
            _acts(steps, options, ask, acts, leaves) + (_AFTERWARDS if afterwards else ()),
            beside="script-1" if at_once and number > 1 else "",
            options=options,
            steps=steps,
        )
        for number, (steps, options, ask, acts, leaves, afterwards) in enumerate(drawn, 1)
    ]
    return Scenario(SCRIPTS.id, SCRIPTS.sentence, Script(tuple(sessions)), promises=())


def _acts(
    steps: Sequence[Step], options: Mapping[str, int], ask: Ask, acts: Sequence[Act], leaves: tuple[Act, ...]
) -> tuple[Act, ...]:
    """Nobody waits for an item before the gate that it is behind is opened, or reads a stream to an end that it does
    not have, by itself or by a deadline."""
    if not any(isinstance(step, Gate) for step in steps):
        opened = tuple(acts)
    else:
        before = items_before_gate(steps)
        held = tuple(act for act in acts if not isinstance(act, Read) or act.items <= before)[:1]
        opened = (*held, Open(GATE), *(act for act in acts if act not in held))
    endless = never_ends(steps, options)
    return (ask, *opened, *(act for act in leaves if not (endless and act == _TO_ITS_END)))


def never_ends(steps: Sequence[Step], options: Mapping[str, int | str]) -> bool:
    soon = int(options.get("deadline_ms", SOON_MS + 1)) <= SOON_MS
    return not soon and any(isinstance(step, Generate) and not step.n for step in steps)


def items_before_gate(steps: Sequence[Step]) -> int:
    count = 0
    for step in steps:
        if isinstance(step, Gate):
            break
        count += len(step.items) if isinstance(step, Send) else step.n if isinstance(step, Generate) else 0
    return count


SCRIPTS: Final = Property(
    "properties/scripts",
    "whatever a handler does by script while its client reads, stands still, and leaves",
    ("script",),
    _drawn,
    smaller,
)
