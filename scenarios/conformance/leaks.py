"""Servers: many streams that end in one way, counted in batches, and what the process still holds of them.

As often as the effort says means: 30 streams a batch, or 200, or 1,000. Never here: what the outcome means.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import LOOK, SCRIPT, Ask, Cancel, Read, Script, Session
from streamspec.harness.core.steps import Complete, Generate
from streamspec.scenarios.batches import in_batches

_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_MOST_ITEMS: Final = 1_000_000  # to the end of the message, and no longer: what follows it is not what is counted


def _leaks(
    name: str,
    sentence: str,
    rule: str,
    sessions: tuple[Session, ...],
    *,
    order: int,
    by_hand: str,
    needs: tuple[str, ...] = (),
) -> Scenario:
    return Scenario(
        id=f"conformance/leaks-{name}",
        sentence=sentence,
        script=Script(sessions),
        promises=(rule,),
        needs=("process", *needs),
        by_hand=f"{by_hand} a hundred times, and count the server's descriptors before and after",
        order=order,
    )


COMPLETED: Final = _leaks(
    "completed",
    "read a finite stream to its end, many times, and count what the process holds",
    "RL-01",
    in_batches("finite", Ask(), Read(items=_MOST_ITEMS, budget="finite_ms")),
    order=4,
    by_hand="run the command above",
)

IN_TIME: Final = _leaks(
    "in-time",
    "read a stream that ends long before its deadline, many times, and count what the process holds",
    "RL-06",
    in_batches(
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
    in_batches("failing", Ask(), Read(items=_MOST_ITEMS, budget="terminal_ms")),
    order=4,
    by_hand="run the command above",
)

LEFT: Final = _leaks(
    "left",
    "leave an endless stream in order, many times, and count what the process holds",
    "RL-03",
    in_batches("endless", Ask(), _ITEM, Cancel("fin")),
    order=4,
    by_hand="run the command above and stop it (Ctrl-C) at its first event,",
)

LEFT_ABRUPTLY: Final = _leaks(
    "left-abruptly",
    "leave an endless stream abruptly, many times, and count what the process holds",
    "RL-04",
    in_batches("endless", Ask(), _ITEM, Cancel("rst")),
    order=4,
    by_hand="run the command above and kill it (kill -9) at its first event,",
)

REFUSED: Final = _leaks(
    "refused",
    "ask with a header line that has no colon, many times, and count what the process holds",
    "RL-05",
    in_batches(LOOK, Ask(malformed=True, budget="look_ms")),
    order=10,
    by_hand="send a request with a header line that has no colon",
    needs=("http|carrier:websocket",),
)

REFUSED_STRANGER: Final = _leaks(
    "refused-stranger",
    "ask without credentials, many times, and count what the process holds",
    "RL-05",
    in_batches(LOOK, Ask(credentials="none", budget="look_ms")),
    order=4,
    by_hand="run the command above without its Authorization header",
    needs=("auth:look",),
)

# What an application refuses itself never sees a malformed request: its server has refused that already.
REFUSED_RESUME: Final = _leaks(
    "refused-resume",
    "ask to go on behind an id that nobody gave, many times, and count what the process holds",
    "RL-05",
    in_batches("resumable", Ask(behind="nobody-gave-this-id")),
    order=4,
    by_hand="run the command above with `-H 'Last-Event-ID: nobody-gave-this-id'`",
    needs=("role:resumable.signals_unknown=yes",),
)
