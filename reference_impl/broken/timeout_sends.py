"""A refusal that is not true.

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
    if call is not Call.ABANDON_SEND or state.phase is not Phase.OPEN:
        return after, effects
    return replace(after, buffered=after.buffered + 1), (*effects, Effect.ACCEPT)


VARIANT = Variant(
    name="timeout-sends",
    sentence="A send whose time is up raises TIMED_OUT, and its item arrives all the same.",
    where="stream",
    on=("inprocess",),
    kills="BP-21",
    because=("has not sent its item", "producer:2 arrived"),
    also={"OI-02": "the item of a refused send arrives"},
    seams=Seams(parts=Parts(step=_step)),
)
