"""A time left that never becomes less.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream import times


def _remaining_s(known: times.Times) -> float | None:
    return known.deadline_s


VARIANT = Variant(
    name="remaining-stands-still",
    sentence="A handler that asks how much time is left is told the whole deadline, whenever it asks.",
    where="stream",
    on=("inprocess",),
    kills="DL-03",
    because=("ms left at most",),
    seams=Seams(parts=Parts(remaining=_remaining_s)),
)
