"""A complete that drains nothing.

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
    if call is Call.COMPLETE and after.phase is Phase.DRAINING and state.phase is Phase.OPEN and not state.senders:
        return replace(after, phase=Phase.COMPLETED, buffered=0), (Effect.DISCARD_BUFFER, Effect.CLEAN_UP)
    return after, effects


VARIANT = Variant(
    name="discards-on-complete",
    sentence="A complete ends the stream at once and discards what was accepted and not received.",
    where="stream",
    on=("inprocess", "sse", "ndjson", "json_array"),
    kills="LC-09",
    because=("the end after all 3 items", "the end, and", "not received"),
    also={
        "OI-02": "what is discarded is lost",
        "OI-04": "so are texts, where not one of those that were sent last arrives",
    },
    seams=Seams(parts=Parts(step=_step)),
)
