"""A stream that failed, and is never let go.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Any

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant


class _Kept:
    """A register that is entered and never left."""

    def __init__(self) -> None:
        self._streams: list[Any] = []

    def __call__(self, stream: Any, timer: Any) -> None:
        if timer is not None:
            timer.cancel()
        if stream.state is Phase.ERRORED:
            self._streams.append(stream)


VARIANT = Variant(
    name="leaks-on-error",
    sentence="Every stream that failed is kept for ever.",
    where="stream",
    on=("inprocess",),
    kills="RL-02",
    because=("live objects in batches of",),
    seams=Seams(parts=Parts(let_go=_Kept())),
)
