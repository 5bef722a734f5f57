"""A full buffer loses items.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.table import Call, Phase, State, Step
from streamspec.reference_impl.variant import Variant


def _step(state: State, call: Call) -> Step:
    if call is Call.SEND and state.phase is Phase.OPEN and state.buffered == state.capacity:
        return state, ()  # neither accepted nor parked: the sender goes on, and the item is gone
    return table.step(state, call)


# A producer that is never parked never lets its consumer run, so what `/finite` sends beyond the capacity is
# lost however fast it is read.
VARIANT = Variant(
    name="drops-when-full",
    sentence="A send into a full stream succeeds at once and its item is lost.",
    where="stream",
    kills="OI-02",
    because=("missing 17",),
    also={"ER-04": "a failing stream that sends more than fits loses items before its error"},
    seams=Seams(step=_step),
)
