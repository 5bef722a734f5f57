"""A bound that is off by one.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import Call, State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if not state.capacity:  # a rendezvous has nothing to count
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, capacity=state.capacity + 1), call, dialect)
    return replace(after, capacity=state.capacity), effects


VARIANT = Variant(
    name="one-too-many",
    sentence="A send waits only when the stream holds more than its capacity.",
    where="stream",
    on=("inprocess",),
    kills="BP-01",
    because=("at most 3 items", "4 sends came back"),
    also={
        "BP-04": "by default it holds one more than it declares",
        "BP-13": "while paused too",
    },
    seams=Seams(parts=Parts(step=_step)),
)
