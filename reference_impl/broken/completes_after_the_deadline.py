"""A completion that comes too late, and counts.

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
    if call is Call.COMPLETE and state.phase is Phase.EXPIRED:
        return replace(state, phase=Phase.COMPLETED), ()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="completes-after-the-deadline",
    sentence="A completion that comes after the deadline is a completion all the same.",
    where="stream",
    on=("inprocess",),
    kills="DL-06",
    because=("one outcome for the consumer", "TIMED_OUT and then the end"),
    seams=Seams(parts=Parts(step=_step)),
)
