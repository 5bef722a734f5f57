"""Time for the engine: the running loop's clock, and how far this machine can be trusted with it.

All time is the loop's, so that a loop in virtual time drives everything. Nothing else in the house reads a clock.
"""

from __future__ import annotations

import asyncio
from typing import Final

CALIBRATION_ROUNDS: Final = 20
CALIBRATION_SLEEP_MS: Final = 2.0
CALIBRATION_UNIT_MS: Final = 5.0  # a wake-up this late is ordinary; budgets grow in proportion above it
CALIBRATION_MAX: Final = 3.0


def now_ns() -> int:
    """Monotonic nanoseconds of the running loop."""
    return int(asyncio.get_running_loop().time() * 1e9)


async def calibrate() -> float:
    """How late this machine wakes us, as a factor >= 1 for tight budgets (design 6: one-sided timing)."""
    late_ms: list[float] = []
    for _ in range(CALIBRATION_ROUNDS):
        began = now_ns()
        await asyncio.sleep(CALIBRATION_SLEEP_MS / 1e3)
        late_ms.append((now_ns() - began) / 1e6 - CALIBRATION_SLEEP_MS)
    usual_ms = sorted(late_ms)[CALIBRATION_ROUNDS * 3 // 4]  # one late wake-up says nothing about the machine
    return round(min(CALIBRATION_MAX, max(1.0, usual_ms / CALIBRATION_UNIT_MS)), 2)
