"""Two for one.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if call is not Call.RECEIVE or not state.capacity:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, capacity=state.capacity + 1), call, dialect)
    return replace(after, capacity=state.capacity), effects


VARIANT = Variant(
    name="releases-two",
    sentence="A receive lets two waiting sends go on.",
    where="stream",
    on=("inprocess",),
    kills="BP-02",
    because=("one waiting send goes on for each receive", "1 receive and 2 sends"),
    also={
        "BP-01": "the second outruns the bound",
    },
    seams=Seams(parts=Parts(step=_step)),
)
