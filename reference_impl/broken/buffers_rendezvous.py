"""A rendezvous with a buffer.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import Call, State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if state.capacity:
        return table.step(state, call, dialect)
    after, effects = table.step(replace(state, capacity=1), call, dialect)
    return replace(after, capacity=0), effects


VARIANT = Variant(
    name="buffers-rendezvous",
    sentence="A capacity of 0 is taken for 1: a send comes back before anybody receives.",
    where="stream",
    on=("inprocess",),
    kills="BP-03",
    because=("when a receive takes its item", "1 send came back, 0 receives"),
    seams=Seams(parts=Parts(step=_step)),
)
