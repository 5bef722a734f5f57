"""From our figures into Locust's, so that its screens and its reports show the load while it runs.

Locust rounds to whole milliseconds and two digits: for its eyes only. Never here: a figure that is judged.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.load import METRICS

if TYPE_CHECKING:
    from streamspec.harness.load.tally import Tally

METHOD = "STREAM"


def into_stats(stats: Any, added: Tally) -> None:
    """Add what came to Locust's `RequestStats`; a whole stream is its request, the other times are lines beside it."""
    from locust.stats import StatsEntry

    now_s = time.time()
    for name in METRICS:
        histogram = added.histograms[name]
        failures = added.counts["failed"] if name == "whole" else 0
        if not histogram.count and not failures:
            continue
        entry = StatsEntry(stats, name, METHOD)
        entry.num_requests = histogram.count + failures
        entry.num_failures = failures
        entry.last_request_timestamp = now_s
        entry.num_reqs_per_sec[int(now_s)] = entry.num_requests
        entry.num_fail_per_sec[int(now_s)] = failures
        entry.total_response_time = round(histogram.sum_us / 1e3)
        if histogram.count:
            entry.min_response_time = round(histogram.least_us / 1e3, 3)  # type: ignore[assignment]  # Locust keeps floats
            entry.max_response_time = round(histogram.greatest_us / 1e3, 3)  # type: ignore[assignment]  # likewise
        for value_us, times in histogram.values():
            entry.response_times[_rounded(value_us / 1e3)] += times
        stats.get(name, METHOD).extend(entry)
        if name == "whole":
            stats.total.extend(entry)


def _rounded(value_ms: float) -> int:
    """As Locust rounds: two digits, from 100 ms on."""
    whole = round(value_ms)
    return whole if whole < 100 else int(round(whole, 2 - len(str(whole))))
