"""An end that is not told to who waits for it.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
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
    if call is not Call.COMPLETE or state.phase is not Phase.OPEN or not state.receivers:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, receivers=0), call, dialect)
    return replace(after, receivers=state.receivers), effects


VARIANT = Variant(
    name="end-wakes-nobody",
    sentence="A receive that waits when the stream completes goes on waiting; only a later one is told the end.",
    where="stream",
    on=("inprocess",),
    kills="LC-08",
    because=("the end of an empty stream", "still waits"),
    also={
        "DL-06": "who waits is not told of a completion that won the race",
    },
    because_over={"grpc": ("a stream that stays open",)},
    seams=Seams(parts=Parts(step=_step)),
)
