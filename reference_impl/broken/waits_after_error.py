"""An error that waiting senders never hear of.

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
    if call is Call.ABANDON_SEND and not state.senders:
        return state, ()  # who was forgotten leaves
    after, effects = table.step(state, call, dialect)
    if call is Call.ERROR:
        return after, tuple(effect for effect in effects if effect is not Effect.FAIL_SENDERS)
    return after, effects


VARIANT = Variant(
    name="waits-after-error",
    sentence="A send that waits for room goes on waiting when the stream fails.",
    where="stream",
    on=("inprocess",),
    kills="BP-10",
    because=("no send waits any more when the stream fails", "still waiting"),
    because_over=dict.fromkeys(("ws", "tcp", "grpc"), ("no send waits any more", "one is still waiting")),
    seams=Seams(parts=Parts(step=_step)),
)
