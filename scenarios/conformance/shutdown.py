"""A target that is asked to end while streams are open. Nothing can come after it: its case is the last one."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import Ask, Await, Read, Script, Session, Stop

_FIRST: Final = "endless-1"
_ITEM: Final = Read(items=1, budget="item_ms", needed=True)
_ON: Final = Read(items=0, budget="grace_ms")
_STOPPED: Final = 5  # acts of the first session, with the stop


def _beside(n: int) -> Session:
    return Session(f"endless-{n}", "endless", (Ask(), _ITEM, Await(_FIRST, _STOPPED), _ON), beside=_FIRST)


SHUTDOWN: Final = Scenario(
    id="conformance/shutdown",
    sentence="open three endless streams, ask the target to end, and read them to their ends",
    script=Script(
        (
            Session(_FIRST, "endless", (Ask(), _ITEM, Await("endless-2", 2), Await("endless-3", 2), Stop(), _ON)),
            _beside(2),
            _beside(3),
        )
    ),
    promises=("LC-15",),
    needs=("concurrent", "process:spawn", "process:grace"),
    by_hand="run the command above, and end the server meanwhile (SIGTERM): no stream may end as if it were complete",
    order=100,
)
