"""Scripted servers: uploads. Of many items, of more than anybody takes, and such as break off.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final, Literal

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import (
    SCRIPT,
    Account,
    Act,
    Ask,
    Cancel,
    Finish,
    Open,
    Read,
    Say,
    Script,
    Session,
    Watch,
)
from streamspec.harness.core.steps import Collect, Gate, Step

_BULK_BYTES: Final = 65_536
_TO_ITS_END: Final = Read(items=0, budget="item_ms")
_TOLD: Final = Watch("learn_ms", moved=("input",))
_BY_HAND: Final = "run the replay: its messages, one by one, are what a client of your own would send"


def _upload(name: str, steps: tuple[Step, ...], *acts: Act) -> Session:
    return Session(f"script-{name}", SCRIPT, (Ask(), *acts), steps=steps, direction="client")


# A hundred thousand when the effort is greatest.
_MANY: Final = (Account(), Say(100, 1_000, budget="large_ms", per_cycle=True), Finish(), _TO_ITS_END, Account())

MANY: Final = Scenario(
    id="conformance/both-many",
    sentence="upload a hundred items of 1,000 octets for each cycle of the effort, and read what was counted",
    script=Script((_upload("many-1", (Collect(),), *_MANY),)),
    promises=("DR-12",),
    by_hand=_BY_HAND,
    order=4,
)

MANY_IN_MEMORY: Final = Scenario(
    id="conformance/both-many-in-memory",
    sentence="upload a hundred items of 1,000 octets for each cycle of the effort, and look at the memory",
    script=Script((_upload("many-1", (Collect(),), *_MANY),)),
    promises=("DR-12",),
    needs=("process",),
    by_hand=_BY_HAND,
    order=8,
    exclusive=True,
    fresh=True,
)


def _backlog(kind: str, n: int) -> Session:
    """Said until nothing more is taken; then somebody reads, and more is said."""
    acts = (Say(n, _BULK_BYTES, still=True, budget="large_ms"), Open("go"), Say(16, _BULK_BYTES))
    return _upload(f"backlog-{kind}", (Gate("go"), Collect()), *acts)


BACKLOG: Final = Scenario(
    id="conformance/both-backlog",
    sentence="upload 4 MiB, and then 80 MiB, to a handler that reads nothing until a gate is opened",
    script=Script((_backlog("small", 64), _backlog("large", 1_280))),
    promises=("BP-15",),
    by_hand=_BY_HAND,
    order=6,
    exclusive=True,
)


def _broken(n: int, how: Literal["fin", "rst", "word"]) -> Session:
    """Taken before it breaks off: what never arrived was nobody's input."""
    acts = (Say(3), Watch("learn_ms", moved=("received",)), Account(), Cancel(how), _TOLD, Watch("aftermath_ms"))
    return _upload(f"breaks-{n}", (Collect(),), *acts)


_WHOLE: Final = _upload("whole-1", (Collect(),), Say(3), Finish(), _TO_ITS_END, Account())

BROKEN: Final = Scenario(
    id="conformance/both-broken-uploads",
    sentence="break uploads off, in order and abruptly, and ask what their handlers were told",
    script=Script((_WHOLE, _broken(1, "fin"), _broken(2, "rst"))),
    promises=("CN-20",),
    needs=("told:input",),
    by_hand=_BY_HAND,
    order=4,
)

CANCELLED: Final = Scenario(
    id="conformance/both-cancelled-uploads",
    sentence="cancel an upload in the binding's own word, and ask what its handler was told",
    script=Script((_WHOLE, _broken(1, "word"))),
    promises=("CN-20",),
    needs=("told:input",),
    by_hand=_BY_HAND,
    order=4,
)
