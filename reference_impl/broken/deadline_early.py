"""A deadline that does not wait for its time.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import times
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant


def _left_s(known: times.Times) -> float | None:
    hurried_s = None if known.deadline_s is None else 0.5 * known.deadline_s
    return times.left_s(replace(known, deadline_s=hurried_s))


VARIANT = Variant(
    name="deadline-early",
    sentence="A stream ends when half of its time is over.",
    where="stream",
    on=("inprocess", "ndjson"),
    kills="DL-04",
    because=("no TIMED_OUT before", "ms after", "at most"),
    seams=Seams(parts=Parts(left=_left_s)),
)
