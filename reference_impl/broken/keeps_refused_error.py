"""An error that is refused and shown all the same.

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
    if call is Call.ERROR and state.phase is Phase.DRAINING and not state.senders:
        after = replace(state, phase=Phase.ERRORED)
        return after, (Effect.KEEP_ERROR, Effect.CLEAN_UP, Effect.RAISE_UNAVAILABLE)
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="keeps-refused-error",
    sentence="An error after complete is refused, but what was still to be received ends with it and not with the end.",
    where="stream",
    on=("inprocess", "sse", "ndjson", "json_array"),
    kills="LC-04",
    because=("the refused NOT_FOUND",),
    seams=Seams(parts=Parts(step=_step)),
)
