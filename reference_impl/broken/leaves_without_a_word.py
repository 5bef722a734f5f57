"""A break that nobody hears of.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Any

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant


def _leave(_stream: Any) -> None:
    pass


VARIANT = Variant(
    name="leaves-without-a-word",
    sentence="Leaving an iteration early leaves its stream as it is.",
    where="stream",
    on=("inprocess",),
    kills="CN-18",
    because=("once the iteration was left", "producer:5 still waits"),
    seams=Seams(parts=Parts(leave=_leave)),
)
