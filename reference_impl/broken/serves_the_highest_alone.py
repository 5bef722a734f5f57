"""Low priorities that a connection lets wait for ever.

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


def _the_highest(waiting: Sequence[Waiting], _starvation_bound: int | None) -> int:
    return scheduler.choose(waiting, None)


VARIANT = Variant(
    name="serves-the-highest-alone",
    sentence="A stream of a connection gets no turn while one of higher priority has anything to send.",
    where="stream",
    on=("ws", "tcp"),
    kills="MX-06",
    because=("the lowest priority served about once in 10 items",),
    seams=Seams(choose=_the_highest),
)
