"""A default that is not what it says.

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
    if state.capacity != table.DEFAULT_CAPACITY:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, capacity=state.capacity + 1), call, dialect)
    return replace(after, capacity=state.capacity), effects


VARIANT = Variant(
    name="default-of-17",
    sentence="By default it declares a capacity of 16 and holds 17.",
    where="stream",
    on=("inprocess",),
    kills="BP-04",
    because=("at most 16 items", "17 sends came back"),
    also={
        "BP-01": "what it declares is its bound",
    },
    seams=Seams(parts=Parts(step=_step)),
)
