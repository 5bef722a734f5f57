"""A second complete that ends at once.

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
    if call is Call.COMPLETE and state.phase is Phase.DRAINING and not state.paused and not state.senders:
        after = replace(state, phase=Phase.COMPLETED, buffered=0)
        return after, (Effect.DISCARD_BUFFER, Effect.CLEAN_UP, Effect.RAISE_UNAVAILABLE)
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="second-complete-tears-down",
    sentence="A second complete is refused, and tears down what was still to be received.",
    where="stream",
    on=("inprocess", "sse", "ndjson", "json_array"),
    kills="LC-05",
    because=("every item, as after one complete", "the end without"),
    also={
        "LC-09": "what was accepted before the first complete is not drained",
        "OI-02": "the items torn down are lost",
    },
    seams=Seams(parts=Parts(step=_step)),
)
