"""A send that waits for room, and for nothing else.

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
    if call is Call.EXPIRE:
        return after, tuple(effect for effect in effects if effect is not Effect.CANCEL_SENDERS)
    return after, effects


VARIANT = Variant(
    name="stays-blocked-past-its-deadline",
    sentence="When the time is up the client is told so, and a handler that waits for room waits on for half a minute.",
    where="stream",
    on=("grpc",),
    kills="DL-05",
    because=("the blocked send", "raises", "still blocked"),
    also={
        "BP-10": "a send that waits for room goes on waiting",
        "DL-02": "a handler may be what sends",
    },
    seams=Seams(parts=Parts(step=_step), patience_s=PATIENCE_S),
)
