"""What time means to a stream: until its deadline, and until it has accepted nothing for too long. Pure.

Never here: a clock, a timer, or what happens when the time is up.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """All that a stream knows of time, in seconds of its own clock. `accepted_s` is when its latest item was accepted;
    before the first, when it was made."""

    now_s: float
    made_s: float
    accepted_s: float
    deadline_s: float | None = None
    idle_s: float | None = None


def remaining_s(times: Times) -> float | None:
    """Until the deadline, never below 0; None without one."""
    return None if times.deadline_s is None else max(0.0, times.made_s + times.deadline_s - times.now_s)


def left_s(times: Times) -> float | None:
    """Until the nearer of the deadline and the idle limit; None if there is neither."""
    deadline_at_s = None if times.deadline_s is None else times.made_s + times.deadline_s
    idle_at_s = None if times.idle_s is None else times.accepted_s + times.idle_s
    ends_at_s = [at_s for at_s in (deadline_at_s, idle_at_s) if at_s is not None]
    return min(ends_at_s) - times.now_s if ends_at_s else None
