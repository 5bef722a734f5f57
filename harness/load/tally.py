"""What has come of many streams: counts by name, and histograms by metric. Adds up in any order, over engines too.

Never here: one stream's history, a rate, a share. As JSON it is read strictly, for it comes from another process.
"""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.histogram import Histogram, histogram_from_json
from streamspec.harness.core.load import LAG, LATE, METRICS, SURE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.judge import Verdict
    from streamspec.harness.core.load import Seen

HISTOGRAMS: Final = (*METRICS, *(SURE + name for name in METRICS), LATE, LAG)
# Streams that were due by now, and of these: begun, or missed, which would have been one too many at once; of those
# that were begun: good, failed, or left by us when the load was stopped. `cpu_us` and `wall_us` are the engine's.
COUNTS: Final = ("due", "started", "missed", "good", "failed", "stopped", "items", "cpu_us", "wall_us")
NAMES_MAX: Final = 64  # of failures, and of rules
OTHERS: Final = "others"
_TOLD: Final = ("held", "broken", "unknown")


class Tally:
    """Counts (`COUNTS`), failures by kind, what each rule said of how many streams, and the histograms."""

    __slots__ = ("counts", "histograms", "kinds", "rules")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.rules: dict[str, Counter[str]] = {}
        self.histograms: dict[str, Histogram] = {name: Histogram() for name in HISTOGRAMS}

    def stream(self, seen: Seen, told: Iterable[tuple[str, str]]) -> None:
        """One stream that is over. `told` is what each rule said of it: `held`, `broken` or `unknown`."""
        self.counts["items"] += seen.items
        for rule, word in told:
            self.rules.setdefault(rule, Counter())[word] += 1
        if seen.kind:
            self.counts["failed"] += 1
            self._failed(seen.kind, 1)
            return
        self.counts["good"] += 1
        values_us = (seen.ttfb_us, seen.ttfe_us, seen.whole_us)
        for name, value_us, ours_us in zip(("ttfb", "ttfe", "whole"), values_us, seen.ours_us, strict=True):
            if value_us is not None:
                self._time(name, value_us, ours_us)
        for gap_us, ours_us in zip_longest(seen.gaps_us, seen.gaps_ours_us, fillvalue=0):
            self._time("gap", gap_us, ours_us)

    def _time(self, name: str, value_us: int, ours_us: int) -> None:
        self.histograms[name].record(value_us)
        self.histograms[SURE + name].record(max(0, value_us - ours_us))

    def _failed(self, kind: str, times: int) -> None:
        known = kind in self.kinds or len(self.kinds) < NAMES_MAX
        self.kinds[kind if known else OTHERS] += times

    def merge(self, other: Tally) -> None:
        self.counts.update(other.counts)
        for kind, times in other.kinds.items():
            self._failed(kind, times)
        for rule, words in other.rules.items():
            self.rules.setdefault(rule, Counter()).update(words)
        for name, histogram in other.histograms.items():
            self.histograms[name].merge(histogram)

    def to_json(self) -> dict[str, Any]:
        return {
            "counts": dict(self.counts),
            "kinds": dict(self.kinds),
            "rules": {rule: dict(words) for rule, words in self.rules.items()},
            "histograms": {name: made.to_json() for name, made in self.histograms.items() if made.count},
        }


def words_of(verdicts: Iterable[Verdict], rules: Iterable[str]) -> list[tuple[str, str]]:
    """What each of these rules said of one stream."""
    told = {verdict.rule: "held" if verdict.outcome.value == "PASS" else "broken" for verdict in verdicts}
    unsaid = {v.rule for v in verdicts if v.outcome.value == "INCONCLUSIVE"}
    return [(rule, "unknown" if rule in unsaid else told.get(rule, "unknown")) for rule in rules]


def tally_from_json(data: Any) -> Tally:
    """The inverse of `to_json`. Raises `ValueError` for anything else."""
    made = Tally()
    try:
        made.counts.update(_counts(data["counts"], COUNTS))
        made.kinds.update(_counts(data["kinds"]))
        for rule, words in data["rules"].items():
            made.rules[_name(rule)] = Counter(_counts(words, _TOLD))
        for name, histogram in data["histograms"].items():
            if name not in HISTOGRAMS:
                raise ValueError(f"no histogram is called {name!r}")
            made.histograms[name] = histogram_from_json(histogram)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no tally: {type(error).__name__} {error}") from error
    if len(made.rules) > NAMES_MAX:
        raise ValueError(f"{len(made.rules)} rules")
    return made


def _counts(data: dict[str, Any], names: tuple[str, ...] = ()) -> dict[str, int]:
    for name, value in data.items():
        if (names and name not in names) or not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"no count: {name!r} {value!r}")
    if len(data) > NAMES_MAX + 1:
        raise ValueError(f"{len(data)} counts")
    return {_name(name): value for name, value in data.items()}


def _name(name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > 100:
        raise ValueError(f"no name: {name!r}")
    return name
