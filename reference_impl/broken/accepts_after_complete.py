"""A stream that is written to after its end.

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
    if call is not Call.SEND or state.phase is not Phase.DRAINING or state.senders:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, phase=Phase.OPEN), call, dialect)
    return replace(after, phase=Phase.DRAINING), effects


VARIANT = Variant(
    name="accepts-after-complete",
    sentence="While a completed stream drains, a send is still accepted.",
    where="stream",
    on=("inprocess", "sse", "ndjson", "json_array"),
    kills="LC-10",
    because=("refused, since the stream is complete", "it was accepted"),
    also={
        "DR-01": "the item that was sent too late is one too many",
    },
    seams=Seams(parts=Parts(step=_step)),
)
