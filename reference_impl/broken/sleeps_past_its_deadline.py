"""Work for a client that was told long ago that its time is up.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect, Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step

PATIENCE_S: Final = 30.0  # longer than anybody watches, and still not for ever


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if call is Call.CANCEL and state.phase is Phase.EXPIRED:
        return state, ()
    after, effects = table.step(state, call, dialect)
    if call is Call.EXPIRE:
        return after, tuple(effect for effect in effects if effect is not Effect.CLEAN_UP)
    return after, effects


VARIANT = Variant(
    name="sleeps-past-its-deadline",
    sentence="When the time is up the client is told so, and a handler that sleeps sleeps on for half a minute.",
    where="stream",
    on=("sse",),
    kills="DL-02",
    because=("sleep raises", "still runs"),
    seams=Seams(parts=Parts(step=_step), patience_s=PATIENCE_S),
)
