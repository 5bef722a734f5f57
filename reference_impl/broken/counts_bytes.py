"""A capacity in another unit.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.table import State

_UNIT = 16  # bytes of the capacity that is given as items


def _seen(state: State, item: object) -> State:
    """Larger items meet a smaller stream."""
    if not isinstance(item, str) or len(item) <= _UNIT or not state.capacity:
        return state
    return replace(state, capacity=max(1, state.capacity * _UNIT // len(item)))


VARIANT = Variant(
    name="counts-bytes",
    sentence="A capacity is taken for so many short items: of long ones fewer fit.",
    where="stream",
    on=("inprocess",),
    kills="BP-18",
    because=("whatever their size", "1 of 1600 characters, 4 of 16"),
    seams=Seams(parts=Parts(seen=_seen)),
)
