"""Three digits too few.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import times
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.times import Times


def _remaining_s(known: Times) -> float | None:
    left_s = times.remaining_s(known)
    return None if left_s is None else left_s / 1000


VARIANT = Variant(
    name="mistakes-its-units",
    sentence="A handler is told the seconds that it has left as if they were milliseconds.",
    where="stream",
    on=("ndjson",),
    kills="DL-03",
    because=("ms left at most", "20 ms"),
    seams=Seams(parts=Parts(remaining=_remaining_s)),
)
