"""Servers: many streams that end in one way, counted in batches, and what the process still holds of them.

The first count is of a cold server, the first batch warms it up. As often as the effort says means: 30 streams a batch,
or 200, or 1,000. Never here: what the outcome means.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, SCRIPT, Account, Act, Ask, Cancel, Read, Script, Session, Watch
from streamspec.harness.core.steps import Complete, Generate, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

_BATCHES: Final = (1, 2, 3, 4)  # the first of them warms up
_TOGETHER: Final = 10  # streams of a batch that are open at once: some take their time before they send anything
_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_ACCOUNT: Final = Account()
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_MOST_ITEMS: Final = 1_000_000  # to the end of the message, and no longer: what follows it is not what is counted


def _batches(role: str, *cycle: Act, steps: tuple[Step, ...] = (), options: Mapping[str, int] = _NONE) -> Script:
    """Counted at the end of the last cycle of each batch; after the last batch until no more is held than after the one
    before, and then until nothing comes back any more."""
    returned = (
        Watch("return_ms", back=f"{role}-count-{_BATCHES[-2]}"),
        Watch("look_ms", still="fds", back=f"{role}-count-0"),
    )
    cold = Session(f"{role}-count-0", role, (*cycle, _ACCOUNT), steps=steps, options=options)
    sessions = [cold]
    for n in _BATCHES:
        counted = (_ACCOUNT, *returned) if n == _BATCHES[-1] else (_ACCOUNT,)
        sessions.append(replace(cold, id=f"{role}-batch-{n}", acts=cycle, times=0, together=_TOGETHER))
        sessions.append(replace(cold, id=f"{role}-count-{n}", acts=(*cycle, *counted)))
    return Script(tuple(sessions))


def _leaks(
    name: str, sentence: str, rule: str, script: Script, *, order: int, by_hand: str, needs: tuple[str, ...] = ()
) -> Scenario:
    return Scenario(
        id=f"conformance/leaks-{name}",
        sentence=sentence,
        script=script,
        promises=(rule,),
        needs=("process", *needs),
        by_hand=f"{by_hand} a hundred times, and count the server's descriptors before and after",
        order=order,
    )


COMPLETED: Final = _leaks(
    "completed",
    "read a finite stream to its end, many times, and count what the process holds",
    "RL-01",
    _batches("finite", Ask(), Read(items=_MOST_ITEMS, budget="finite_ms")),
    order=4,
    by_hand="run the command above",
)

IN_TIME: Final = _leaks(
    "in-time",
    "read a stream that ends long before its deadline, many times, and count what the process holds",
    "RL-06",
    _batches(
        SCRIPT,
        Ask(),
        Read(items=_MOST_ITEMS, budget="finite_ms"),
        steps=(Generate(n=2), Complete()),
        options=MappingProxyType({"deadline_ms": 120_000}),  # longer than anybody watches afterwards
    ),
    order=4,
    by_hand="run the command above",
)

FAILED: Final = _leaks(
    "failed",
    "read a stream that fails, many times, and count what the process holds",
    "RL-02",
    _batches("failing", Ask(), Read(items=_MOST_ITEMS, budget="terminal_ms")),
    order=4,
    by_hand="run the command above",
)

LEFT: Final = _leaks(
    "left",
    "leave an endless stream in order, many times, and count what the process holds",
    "RL-03",
    _batches("endless", Ask(), _ITEM, Cancel("fin")),
    order=4,
    by_hand="run the command above and stop it (Ctrl-C) at its first event,",
)

LEFT_ABRUPTLY: Final = _leaks(
    "left-abruptly",
    "leave an endless stream abruptly, many times, and count what the process holds",
    "RL-04",
    _batches("endless", Ask(), _ITEM, Cancel("rst")),
    order=4,
    by_hand="run the command above and kill it (kill -9) at its first event,",
)

REFUSED: Final = _leaks(
    "refused",
    "ask with a header line that has no colon, many times, and count what the process holds",
    "RL-05",
    _batches(LOOK, Ask(malformed=True, budget="look_ms")),
    order=10,
    by_hand="send a request with a header line that has no colon",
)

REFUSED_STRANGER: Final = _leaks(
    "refused-stranger",
    "ask without credentials, many times, and count what the process holds",
    "RL-05",
    _batches(LOOK, Ask(credentials="none", budget="look_ms")),
    order=4,
    by_hand="run the command above without its Authorization header",
    needs=("auth:look",),
)

# What an application refuses itself never sees a malformed request: its server has refused that already.
REFUSED_RESUME: Final = _leaks(
    "refused-resume",
    "ask to go on behind an id that nobody gave, many times, and count what the process holds",
    "RL-05",
    _batches("resumable", Ask(behind="nobody-gave-this-id")),
    order=4,
    by_hand="run the command above with `-H 'Last-Event-ID: nobody-gave-this-id'`",
    needs=("role:resumable.signals_unknown=yes",),
)
