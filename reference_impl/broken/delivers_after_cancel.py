"""A cancel that keeps what was buffered.

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
    if call is Call.CANCEL and after.phase is Phase.CANCELLED:
        kept = tuple(effect for effect in effects if effect is not Effect.DISCARD_BUFFER)
        return replace(after, buffered=state.buffered), kept
    return after, effects


VARIANT = Variant(
    name="delivers-after-cancel",
    sentence="What was in the buffer when the consumer cancelled can still be received.",
    where="stream",
    on=("inprocess",),
    kills="CN-03",
    because=("no item after the cancel", "the first is producer:2"),
    also={
        "CN-08": "delivery goes on as well",
        "RL-07": "what can be received after the cancel is kept until then",
    },
    seams=Seams(parts=Parts(step=_step)),
)
