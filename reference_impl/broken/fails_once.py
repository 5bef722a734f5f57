"""A failure that is told once, and then the end.

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
    after, effects = table.step(state, call, dialect)
    if call is Call.RECEIVE and Effect.GIVE_ERROR in effects:
        return replace(after, phase=Phase.COMPLETED), effects
    return after, effects


VARIANT = Variant(
    name="fails-once",
    sentence="An error is told to the first receive that asks; whoever asks again gets the end.",
    where="stream",
    on=("inprocess",),
    kills="LC-01",
    because=("NOT_FOUND, then the end",),
    also={
        "LC-11": "the errored stream becomes a completed one",
    },
    seams=Seams(parts=Parts(step=_step)),
)
