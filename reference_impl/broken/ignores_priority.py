"""A priority that is read by nobody.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.stream.scheduler import Waiting


def _in_turn(waiting: Sequence[Waiting], starvation_bound: int | None) -> int:
    return min(range(len(waiting)), key=lambda i: waiting[i].last_turn)


VARIANT = Variant(
    name="ignores-priority",
    sentence="Streams take turns, whatever their priorities.",
    where="stream",
    on=("inprocess",),
    kills="MX-05",
    because=("an item of high (priority 9)", "low:1 (priority 1)"),
    seams=Seams(choose=_in_turn),
)
