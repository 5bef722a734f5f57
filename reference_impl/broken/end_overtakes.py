"""An end that comes before the last item.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect, Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    last = state.phase is Phase.DRAINING and state.buffered == 1 and not state.senders and not state.paused
    if call is Call.RECEIVE and last and not state.end_told:
        return replace(state, end_told=True), (Effect.GIVE_END,)
    after, effects = table.step(state, call, dialect)
    return (replace(after, end_told=False) if after.phase is Phase.COMPLETED else after), effects


VARIANT = Variant(
    name="end-overtakes",
    sentence="The last item of a draining stream is given only after its end was told.",
    where="stream",
    on=("inprocess",),
    kills="LC-02",
    because=("the end, then producer:",),
    also={
        "LC-09": "the end is told while an accepted item is still there",
        "OI-02": "whoever stops at the end never gets the last item",
    },
    seams=Seams(parts=Parts(step=_step)),
)
