"""An end that overtakes who waits.

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
    if call is Call.ABANDON_SEND and not state.senders:
        return state, ()  # who was forgotten leaves
    if call is Call.COMPLETE and state.phase is Phase.OPEN and not state.buffered:
        # Raffel's: whether the stream is drained is asked of the buffer alone.
        return table.step(replace(state, senders=0), call, dialect)
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="end-beats-rendezvous",
    sentence="Completing a stream without a buffer forgets the send that waits, and its item.",
    where="stream",
    on=("inprocess",),
    kills="BP-03",
    because=("the item, then the end", "producer:1"),
    seams=Seams(parts=Parts(step=_step)),
)
