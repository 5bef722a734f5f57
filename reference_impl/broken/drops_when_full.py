"""A full buffer loses items.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Effect
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import Call, State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    after, effects = table.step(state, call, dialect)
    if Effect.PARK_SENDER in effects:
        return state, ()  # neither accepted nor parked: the sender goes on, and the item is gone
    return after, effects


# A producer that is never parked never lets its consumer run, so what `/finite` sends beyond the one item that is
# handed over and those that fit is lost however fast it is read.
VARIANT = Variant(
    name="drops-when-full",
    sentence="A send into a full stream succeeds at once and its item is lost.",
    where="stream",
    kills="OI-02",
    because=("missing 18",),
    on=("sse", "inprocess"),
    also={
        "ER-04": "a failing stream that sends more than fits loses items before its error",
        "LC-09": "what was lost is missing before the end",
        "BP-01": "the send that was to wait came back",
        "BP-02": "and so does not wait for a receive",
        "BP-03": "a rendezvous without a receive loses its item",
        "BP-04": "nor does the one beyond the declared capacity wait",
        "BP-13": "what is sent into a paused stream beyond what fits is lost",
    },
    because_over=dict.fromkeys(("ws", "tcp"), ("missing 17, 18",)),
    seams=Seams(parts=Parts(step=_step)),
)
