"""Priorities that a connection does not know.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.stream.scheduler import Waiting


def _in_turn(waiting: Sequence[Waiting], _starvation_bound: int | None) -> int:
    return min(range(len(waiting)), key=lambda place: waiting[place].last_turn)


VARIANT = Variant(
    name="gives-no-precedence",
    sentence="Streams of a connection take turns, whatever their clients have said of their priority.",
    where="stream",
    on=("ws", "tcp"),
    kills="MX-05",
    because=("more for the priority 9", "items, and"),
    seams=Seams(choose=_in_turn),
)
