"""An idle limit that is taken and forgotten.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import times
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant


def _left_s(known: times.Times) -> float | None:
    return times.left_s(replace(known, idle_s=None))


VARIANT = Variant(
    name="never-idle",
    sentence="A stream that has been idle for too long stays open, and tells nobody anything.",
    where="stream",
    on=("inprocess", "ndjson"),
    kills="DL-09",
    because=("terminal after", "still waiting"),
    seams=Seams(parts=Parts(left=_left_s)),
)
