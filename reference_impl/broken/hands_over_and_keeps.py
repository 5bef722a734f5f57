"""An item that is handed over and kept.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    after, effects = table.step(state, call, dialect)
    if call is Call.SEND and effects == (Effect.ACCEPT, Effect.HAND_OVER) and state.capacity and state.receivers == 1:
        return replace(after, buffered=after.buffered + 1), (Effect.ACCEPT, *effects)
    return after, effects


VARIANT = Variant(
    name="hands-over-and-keeps",
    sentence="What is sent to a receiver that waits is buffered as well.",
    where="stream",
    on=("inprocess",),
    kills="OI-03",
    because=("producer:1 once", "producer:1 again"),
    also={
        "BP-14": "the copy is counted",
    },
    seams=Seams(parts=Parts(step=_step)),
)
