"""A complete that undoes an error.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if call is Call.COMPLETE and state.phase is Phase.ERRORED:
        return replace(state, phase=Phase.DRAINING if state.buffered else Phase.COMPLETED), ()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="complete-beats-error",
    sentence="A complete after an error succeeds, and the consumer is told the end instead of the error.",
    where="stream",
    on=("inprocess", "sse", "ndjson", "json_array"),
    kills="LC-03",
    because=("expected the error that came first, got the end",),
    also={
        "LC-11": "the errored stream becomes a draining or completed one",
    },
    seams=Seams(parts=Parts(step=_step)),
)
