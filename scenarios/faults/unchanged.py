"""Faults that lose nothing: later, slower, in pieces. Whatever is true of a target is true of it then, too.

Never here: an end, or an octet that does not come.
"""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.fault import Fault
from streamspec.harness.core.script import Poison

# Cheap ones, each about something that a way could change: order, framing, promptness, ends.
_PLAYED: Final = (
    *("conformance/look", "conformance/finite", "conformance/empty", "conformance/text", "conformance/failing"),
    *("conformance/prompt", "conformance/endless", "conformance/endless-head", "conformance/resume"),
)

LATENCY: Final = Fault(
    "latency",
    "everything comes 40 ms later, more or less by 10, in both directions",
    (
        Poison("latency", {"latency": 40, "jitter": 10}),
        Poison("latency", {"latency": 40, "jitter": 10}, stream="upstream", beside=True),
    ),
    adds_ms=500.0,
    plays=_PLAYED,
)

SLICER: Final = Fault(
    "slicer",
    "everything comes in pieces of some seven octets, a tenth of a millisecond apart",
    (
        Poison("slicer", {"average_size": 7, "size_variation": 5, "delay": 100}),
        Poison("slicer", {"average_size": 16, "size_variation": 5, "delay": 100}, stream="upstream", beside=True),
    ),
    adds_ms=5_000.0,
    plays=_PLAYED,
)

BANDWIDTH: Final = Fault(
    "bandwidth",
    "no more than 100 KB come in a second",
    (Poison("bandwidth", {"rate": 100}),),
    adds_ms=5_000.0,
    plays=_PLAYED,
)

SLOW_CLOSE: Final = Fault(
    "slow_close",
    "every end comes 150 ms later",
    (Poison("slow_close", {"delay": 150}), Poison("slow_close", {"delay": 150}, stream="upstream", beside=True)),
    adds_ms=500.0,
    plays=_PLAYED,
)
