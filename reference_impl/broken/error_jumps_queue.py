"""An error that overtakes the items sent before it.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.table import Call, Effect, State, Step
from streamspec.reference_impl.variant import Variant


def _step(state: State, call: Call) -> Step:
    after, effects = table.step(state, call)
    if call is Call.ERROR and Effect.KEEP_ERROR in effects:
        return replace(after, buffered=0), (Effect.DISCARD_BUFFER, *effects)
    return after, effects


# The failing role raises without having been parked, so whatever it sent last is still in the buffer.
VARIANT = Variant(
    name="error-jumps-queue",
    sentence="An error discards the items that were accepted before it and not yet delivered.",
    where="stream",
    kills="ER-04",
    because=("3 items, then the error", "got 0"),
    seams=Seams(step=_step),
)
