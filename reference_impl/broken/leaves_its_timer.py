"""A timer that outlives its stream.

Never here: a second defect.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant


class _Forgetful:
    """Every twentieth timer is enough for a leak, and with threads each is a thread that sleeps for an hour."""

    def __init__(self) -> None:
        self._timers = count(1)

    def __call__(self, _stream: object, timer: Any) -> None:
        if timer is not None and next(self._timers) % 20:
            timer.cancel()


VARIANT = Variant(
    name="leaves-its-timer",
    sentence="Of twenty streams that end before their deadline one leaves its timer behind.",
    where="stream",
    on=("inprocess",),
    kills="RL-06",
    because=("+6, +6, +6", "in batches of"),
    seams=Seams(parts=Parts(let_go=_Forgetful())),
)
