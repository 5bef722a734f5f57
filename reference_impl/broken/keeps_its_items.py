"""A cancel that forgets what is in the buffer, and keeps it.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    after, effects = table.step(state, call, dialect)
    if call is Call.CANCEL:
        return after, tuple(effect for effect in effects if effect is not Effect.DISCARD_BUFFER)
    return after, effects


VARIANT = Variant(
    name="keeps-its-items",
    sentence="A cancelled stream says that it is empty, and still holds every item.",
    where="stream",
    on=("inprocess",),
    kills="RL-07",
    because=("no item is kept after the cancel", "still referenced"),
    seams=Seams(parts=Parts(step=_step)),
)
