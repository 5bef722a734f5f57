"""An error that turns a cancelled stream into a failed one.

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
    if state.phase is Phase.CANCELLED and call is Call.ERROR:
        return replace(state, phase=Phase.ERRORED), (Effect.KEEP_ERROR,)
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="fails-after-cancel",
    sentence="An error after a cancel replaces it: whoever receives is told of the error.",
    where="stream",
    on=("inprocess",),
    kills="CN-03",
    because=("error() after the cancel shows nowhere", "NOT_FOUND"),
    also={
        "LC-11": "a cancelled stream becomes a failed one",
    },
    seams=Seams(parts=Parts(step=_step)),
)
