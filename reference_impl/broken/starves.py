"""A low priority that has to wait for ever.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import scheduler
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.reference_impl.stream.scheduler import Waiting


def _the_highest(waiting: Sequence[Waiting], starvation_bound: int | None) -> int:
    return scheduler.choose(waiting, None)


VARIANT = Variant(
    name="starves",
    sentence="While a stream of higher priority has anything to give, the others get no turn.",
    where="stream",
    on=("inprocess",),
    kills="MX-06",
    because=("low served within 8 turns", "passed over 9 times"),
    seams=Seams(choose=_the_highest),
)
