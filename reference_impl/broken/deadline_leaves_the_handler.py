"""A deadline that a sleeping handler never hears of.

Never here: a second defect.
"""

from __future__ import annotations

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
    if call is Call.EXPIRE:
        return after, tuple(effect for effect in effects if effect is not Effect.CLEAN_UP)
    if call is Call.CANCEL and state.phase is Phase.EXPIRED:
        return after, (*effects, Effect.CLEAN_UP)  # what the deadline forgot
    return after, effects


VARIANT = Variant(
    name="deadline-leaves-the-handler",
    sentence="When the time is up nobody is told but who is sending or receiving: a handler sleeps on.",
    where="stream",
    on=("inprocess",),
    kills="DL-02",
    because=("sleep raises", "still runs"),
    seams=Seams(parts=Parts(step=_step)),
)
