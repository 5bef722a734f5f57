"""No bound at all.

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
    if call is not Call.SEND:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, capacity=state.buffered + 1), call, dialect)
    return replace(after, capacity=state.capacity), effects


VARIANT = Variant(
    name="unbounded",
    sentence="A send never waits, however much is buffered.",
    where="stream",
    on=("inprocess",),
    kills="BP-01",
    because=("sends came back while 0 receives had begun",),
    also={
        "BP-03": "without a bound nothing is handed over, it is buffered",
        "BP-04": "nor does the default bound",
        "BP-13": "nor a pause",
    },
    seams=Seams(parts=Parts(step=_step)),
)
