"""A stall that costs an item.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Effect
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    after, effects = table.step(state, call, dialect)
    if call is Call.RECEIVE and effects == (Effect.GIVE, Effect.RELEASE_SENDER) and after.buffered > 1:
        # The next item is lost, and its place with it: what the stream accepts stays within the bound.
        return replace(after, buffered=after.buffered - 1, capacity=after.capacity - 1), (*effects, Effect.GIVE)
    return after, effects


VARIANT = Variant(
    name="loses-what-waited",
    sentence="A send that goes on after a wait overwrites an item that was accepted before it.",
    where="stream",
    on=("inprocess",),
    kills="BP-07",
    because=("every accepted item arrives", "never came"),
    also={
        "LC-09": "an end is not after all items, since one never comes",
        "OI-02": "nor do all items come",
    },
    seams=Seams(parts=Parts(step=_step)),
)
