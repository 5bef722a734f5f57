"""A cancel that is told once and forgotten.

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
    if state.phase is not Phase.CANCELLED or call is not Call.SEND:
        return table.step(state, call, dialect)
    if state.end_told:  # of no use to a cancelled stream otherwise
        return state, ()
    after, effects = table.step(state, call, dialect)
    return replace(after, end_told=True), effects


VARIANT = Variant(
    name="tells-cancel-once",
    sentence="The first send after a cancel is refused; those after it succeed, and their items are gone.",
    where="stream",
    on=("inprocess",),
    kills="CN-01",
    because=("every send after the cancel is refused", "was accepted"),
    also={
        "CN-08": "from its second send on nothing stops the producer",
    },
    seams=Seams(parts=Parts(step=_step)),
)
