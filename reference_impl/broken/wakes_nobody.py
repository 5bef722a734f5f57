"""A receive that makes room and tells nobody.

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
    if call is not Call.RECEIVE or not state.buffered or state.phase is not Phase.OPEN:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, senders=0), call, dialect)
    return replace(after, senders=state.senders), effects


VARIANT = Variant(
    name="wakes-nobody",
    sentence="A receive makes room, but no waiting send goes on.",
    where="stream",
    on=("inprocess",),
    kills="BP-02",
    because=("one waiting send goes on for each receive", "still waits"),
    seams=Seams(parts=Parts(step=_step)),
)
