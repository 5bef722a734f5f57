"""Objects: many whole lives, one after another, and what is left of them. After each batch everything settles, and is
measured a second time.

Never here: what the outcome means.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Act, Call, Pass, Script, Session, Settle

_CYCLES: Final = 120
_BATCHES: Final = 4  # the first one warms up
_LEAKER: Final = Settle(until=("leaker",))
_BOTH: Final = Settle(until=("producer", "consumer"))


def _batches(kind: str) -> Script:
    """First one life that is written down call by call, then the batches."""
    ending = "complete" if kind == "deadline" else kind
    life: tuple[Act, ...] = (
        *(Call("send", "producer"), Call(ending, "producer"), Settle(until=("producer",))),
        *(Call("receive", "consumer", n=2, on=True), Settle(until=("consumer",))),
    )
    again: tuple[Act, ...] = (Pass(20), Call("cycle", "leaker", n=0, arg=kind))
    batch: tuple[Act, ...] = (Call("cycle", "leaker", n=_CYCLES, arg=kind), _LEAKER, *again)
    # Threads that were told to end may take their time: the last batch gets more of it.
    acts = (*life, *batch * _BATCHES, Pass(100), *again, _LEAKER)
    return Script((Session(kind, OBJECT, acts, options={"capacity": 4}),))


COMPLETED: Final = Scenario(
    id="conformance/object-cycles-completed",
    sentence="complete some five hundred streams, and see what is left",
    script=_batches("complete"),
    promises=("RL-01",),
    needs=("object", "feature:capacity", "feature:complete"),
    order=2,
)

FAILED: Final = Scenario(
    id="conformance/object-cycles-failed",
    sentence="end some five hundred streams with an error, and see what is left",
    script=_batches("error"),
    promises=("RL-02",),
    needs=("object", "feature:capacity", "feature:error"),
    order=2,
)

CANCELLED: Final = Scenario(
    id="conformance/object-cycles-cancelled",
    sentence="cancel some five hundred streams, and see what is left",
    script=_batches("cancel"),
    promises=("RL-03",),
    needs=("object", "feature:capacity", "feature:cancel"),
    order=2,
)

IN_TIME: Final = Scenario(
    id="conformance/object-cycles-in-time",
    sentence="complete some five hundred streams long before their deadline, and see what is left",
    script=_batches("deadline"),
    promises=("RL-06",),
    needs=("object", "feature:capacity", "feature:complete", "feature:deadline"),
    order=2,
)

FORGOTTEN: Final = Scenario(
    id="conformance/object-forgotten",
    sentence="cancel a stream that is full of items, and see which of them are still held",
    script=Script(
        (
            Session(
                "full",
                OBJECT,
                (
                    Call("send", "producer", n=12),
                    Call("receive", "consumer", n=2),
                    Settle(until=("consumer",)),
                    Call("cancel", "consumer"),
                    _BOTH,
                    Call("forget", "consumer"),
                    _BOTH,
                ),
                options={"capacity": 8},
            ),
        )
    ),
    promises=("RL-07",),
    needs=("object", "feature:capacity", "feature:cancel"),
    order=2,
)
