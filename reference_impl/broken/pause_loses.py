"""A pause that loses what was there.

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
    if call is Call.PAUSE and state.phase is Phase.OPEN:
        return replace(after, buffered=0), (*effects, Effect.DISCARD_BUFFER)
    return after, effects


VARIANT = Variant(
    name="pause-loses",
    sentence="A pause discards what was accepted and not received.",
    where="stream",
    on=("inprocess",),
    kills="BP-13",
    because=("every accepted item arrives", "producer:1"),
    also={"OI-02": "what was discarded never comes"},
    seams=Seams(parts=Parts(step=_step)),
)
