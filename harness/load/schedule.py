"""When each stream of a load is due to begin: an open loop, drawn before anything happens.

Nobody's answer moves a time: that is the whole point. Never here: a clock, or whether a stream did begin.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.load import Wanted

NS: Final = 1_000_000_000


def due_times_ns(wanted: Wanted) -> Iterator[int]:
    """When the streams of this lane are due, in nanoseconds from the beginning, in order. Lanes share one schedule, and
    take turns in it."""
    every = _poisson(wanted) if wanted.arrivals == "poisson" else _even(wanted)
    return (due_ns for number, due_ns in enumerate(every) if number % wanted.lanes == wanted.lane)


def planned(wanted: Wanted) -> int:
    """How many streams are due in this lane."""
    return sum(1 for _ in due_times_ns(wanted))


def _even(wanted: Wanted) -> Iterator[int]:
    number, end_ns = 0, wanted.duration_s * NS
    while (due_ns := round(number * NS / wanted.rate)) < end_ns:
        yield due_ns
        number += 1


def _poisson(wanted: Wanted) -> Iterator[int]:
    """Intervals are exponential, as of many clients that know nothing of each other."""
    drawn = random.Random(wanted.seed)  # noqa: S311 -- a schedule that can be had again, no secret
    due_ns, end_ns = 0.0, wanted.duration_s * NS
    while due_ns < end_ns:
        yield round(due_ns)
        due_ns += drawn.expovariate(wanted.rate) * NS
