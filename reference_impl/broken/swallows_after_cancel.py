"""A cancelled stream that goes on saying yes.

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
    if state.phase is Phase.CANCELLED and call is Call.SEND:
        return state, ()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="swallows-after-cancel",
    sentence="A send after a cancel succeeds, and its item is gone.",
    where="stream",
    on=("inprocess",),
    kills="CN-01",
    because=("every send after the cancel is refused", "was accepted"),
    also={
        "CN-08": "who is not refused goes on producing",
    },
    seams=Seams(parts=Parts(step=_step)),
)
