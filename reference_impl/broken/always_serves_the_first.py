"""Turns that are not taken.

Never here: a second defect.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import scheduler
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.stream.scheduler import Waiting


SELDOM: Final = 10  # turns, one of which is taken as it should be
_TURNS: Final = count()


def _choose(waiting: Sequence[Waiting], starvation_bound: int | None) -> int:
    if next(_TURNS) % SELDOM == 0:
        return scheduler.choose(waiting, starvation_bound)
    return max(range(len(waiting)), key=lambda place: (waiting[place].priority, -place))


VARIANT = Variant(
    name="always-serves-the-first",
    sentence="Of streams of equal priority the one that was opened first goes first, nine times of ten.",
    where="stream",
    on=("ws", "tcp"),
    kills="MX-07",
    because=("shares alike",),
    seams=Seams(choose=_choose),
)
