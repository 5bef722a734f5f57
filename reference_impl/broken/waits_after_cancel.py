"""A cancel that waiting senders never hear of.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step

PATIENCE_S: Final = 30.0  # for a producer that nobody has told: longer than anybody watches


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if call is Call.ABANDON_SEND and not state.senders:
        return state, ()  # who was forgotten leaves
    after, effects = table.step(state, call, dialect)
    if call is Call.CANCEL:
        return after, tuple(effect for effect in effects if effect is not Effect.CANCEL_SENDERS)
    return after, effects


VARIANT = Variant(
    name="waits-after-cancel",
    sentence="A send that waits for room goes on waiting when the consumer cancels.",
    where="stream",
    on=("inprocess",),
    kills="BP-09",
    because=("no send waits any more when the consumer cancels", "still waiting"),
    also={
        "CN-16": "a source whose item waits is never closed",
        "CN-18": "leaving an iteration cancels",
    },
    because_over=dict.fromkeys(("ws", "tcp", "grpc"), ("still inside a send",)),
    seams=Seams(parts=Parts(step=_step), patience_s=PATIENCE_S),
)
