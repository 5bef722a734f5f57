"""A completion that turns a cancelled stream into a whole one.

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
    if state.phase is Phase.CANCELLED and call is Call.COMPLETE:
        return replace(state, phase=Phase.COMPLETED), ()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="completes-after-cancel",
    sentence="A complete after a cancel replaces it: whoever receives is told of the end.",
    where="stream",
    on=("inprocess",),
    kills="CN-10",
    because=("one outcome", "CANCELLED and then end"),
    also={
        "CN-03": "the end shows wherever the consumer asks again after it",
        "LC-11": "a cancelled stream becomes a completed one",
    },
    seams=Seams(parts=Parts(step=_step)),
)
