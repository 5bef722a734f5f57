"""A cancel that rewrites history.

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
    after, effects = table.step(state, call, dialect)
    if call is Call.CANCEL and state.phase is Phase.COMPLETED:
        return replace(after, phase=Phase.CANCELLED), effects
    return after, effects


VARIANT = Variant(
    name="cancels-the-completed",
    sentence="A cancel after the end turns a completed stream into a cancelled one.",
    where="stream",
    on=("inprocess",),
    kills="LC-11",
    because=("completed for ever", "completed, then cancelled"),
    seams=Seams(parts=Parts(step=_step)),
)
