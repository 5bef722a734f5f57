"""An end that needs room.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if call is Call.COMPLETE and state.phase is Phase.OPEN and state.buffered >= state.capacity > 0:
        return state, ()  # as where the end is one more thing in the queue
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="end-does-not-fit",
    sentence="A complete that finds the buffer full and nobody waiting is forgotten.",
    where="stream",
    on=("inprocess",),
    kills="LC-12",
    because=("the end at the next read", "still waits"),
    seams=Seams(parts=Parts(step=_step)),
)
