"""From what the engines said to what a report says: sections of figures, and thresholds that were crossed.

Pure. What our own slowness may have made is not held against anybody, and the report says so. Never here: a pipe, or a
file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.load import LAG, LAG_LEAST_MS, LATE, METRICS, SURE
from streamspec.harness.core.run import Figure, Section
from streamspec.harness.load.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamspec.harness.core.histogram import Histogram
    from streamspec.harness.core.load import Wanted
    from streamspec.harness.load.controller import Controller

PERCENTS: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
SHARES: Final = ("failed", "missed")  # of the streams that were due
# Above these the engine, and not the target, may have made the times.
LATE_P99_MS: Final = 25.0
BUSIEST: Final = 0.9  # of a core, in its busiest second
TURNS: Final = 3  # of our loop, that a stream needs until its first item: it is connected, it asks, it reads
_WORD: Final = re.compile(r"(?P<what>[a-z]+)(?:\.(?P<of>[a-z0-9.]+))?=(?P<limit>[0-9]+(?:\.[0-9]+)?)(?P<unit>%|ms)?")


@dataclass(frozen=True, slots=True)
class Threshold:
    """What fails a run: a percentile of a metric above `limit` ms, or a share of the streams above `limit` per cent."""

    what: str
    of: str
    limit: float

    @property
    def name(self) -> str:
        return f"{self.what}.{self.of}" if self.of else self.what


def threshold(word: str) -> Threshold:
    """`ttfe.p99=50` (milliseconds) or `failed=0.1%`. Raises `UsageError`."""
    found = _WORD.fullmatch(word.strip())
    what, of = (found["what"], found["of"] or "") if found else ("", "")
    unit = found["unit"] if found else None
    timed = what in METRICS and of in (*PERCENTS, "mean") and unit != "%"
    shared = what in SHARES and not of and unit == "%"
    if not found or not (timed or shared):
        raise UsageError(
            f"--max {word}: write METRIC.PERCENTILE=MILLISECONDS (ttfe.p99=50), or failed=0.1%; the metrics are "
            f"{', '.join(METRICS)}, the percentiles {', '.join(PERCENTS)} and mean, the shares {', '.join(SHARES)}"
        )
    return Threshold(what, of, float(found["limit"]))


@dataclass(frozen=True, slots=True)
class Judged:
    """What the thresholds say: what was crossed, in words; and why some could not be judged, empty when all were."""

    crossed: tuple[str, ...]
    problem: str


def judge_thresholds(controller: Controller, thresholds: Iterable[Threshold]) -> Judged:
    """A time that is above its limit only by what may be our own doing is held against nobody. What is ours only ever
    adds to a time: what stays within its limit is within it all the more."""
    total = total_of(controller)
    crossed: list[str] = []
    unsaid: list[str] = []
    for each in thresholds:
        value, words = _value(total, each, each.what)
        timed = each.what in METRICS
        said = f"{each.name} is {words}, and at most {each.limit:g} {'ms' if timed else '%'} is allowed"
        if value is None:
            unsaid.append(f"{each.name}: no good stream has such a time")
        elif timed and value > each.limit >= (sure_ms := _sure_ms(total, each)):
            unsaid.append(f"{said}; but {value - sure_ms:.1f} ms of it may be our own doing")
        elif value > each.limit:
            crossed.append(said)
        elif timed and total.counts["missed"]:
            missed, due = total.counts["missed"], total.counts["due"]
            unsaid.append(
                f"{each.name} is {words}, but {missed} of {due} streams were not begun: --streams is too small"
            )
    return Judged(tuple(crossed), "; ".join(unsaid))


def _sure_ms(total: Tally, each: Threshold) -> float:
    """The same without what we know to be ours: how late each stream was begun, and for how long our loop stood still
    meanwhile; and without the small change that is written down for none: how late the loop comes to each of its turns.
    """
    sure_ms, _ = _value(total, each, SURE + each.what)
    lag = total.histograms[LAG]
    late_ms = min(lag.percentile_us(99) / 1e3, LAG_LEAST_MS) if lag.count else 0.0
    return (sure_ms or 0.0) - TURNS * late_ms


def _value(total: Tally, each: Threshold, name: str) -> tuple[float | None, str]:
    if each.what in SHARES:
        part, due = total.counts[each.what], total.counts["due"]
        share = 100 * part / due if due else None
        return share, f"{share:.2f} % ({part} of {due} streams)" if share is not None else ""
    histogram = total.histograms[name]
    if not histogram.count:
        return None, ""
    value = histogram.mean_us() if each.of == "mean" else histogram.percentile_us(PERCENTS[each.of])
    return value / 1e3, f"{value / 1e3:.1f} ms (of {histogram.count} samples)"


def bottleneck(controller: Controller) -> str:
    """Why the times may be our own doing, in words; empty when nothing says so."""
    said: list[str] = []
    for name, worker in sorted(controller.workers.items()):
        late = worker.tally.histograms[LATE]
        who = f"engine {name}" if len(controller.workers) > 1 else "the engine"
        if late.count and late.percentile_us(99) > LATE_P99_MS * 1e3:
            said.append(f"{who} began streams late (p99 {late.percentile_us(99) / 1e3:.1f} ms)")
        if worker.busiest > BUSIEST:
            said.append(f"{who} used {worker.busiest:.0%} of a core in its busiest second")
    return "; ".join(said)


def total_of(controller: Controller) -> Tally:
    total = Tally()
    for worker in controller.workers.values():
        total.merge(worker.tally)
    return total


def sections_of(controller: Controller, wanted: Wanted) -> tuple[Section, ...]:
    """What was counted, measured and judged, and how the engines did. `wanted` is what was asked for."""
    total = total_of(controller)
    return tuple(
        section
        for section in (
            _streams(controller, total, wanted),
            *(_metric(name, total.histograms[name]) for name in METRICS),
            _rules(total),
            _engines(controller, total),
        )
        if section.figures
    )


def _streams(controller: Controller, total: Tally, wanted: Wanted) -> Section:
    counts = total.counts
    figures = [Figure(name, counts[name]) for name in ("due", "started", "good", "failed", "missed", "stopped")]
    figures += [Figure(f"failed: {kind}", times) for kind, times in total.kinds.most_common()]
    figures += [
        Figure("arrivals", wanted.arrivals),
        Figure("at once, at most", wanted.streams),
        Figure("rate asked for", round(wanted.rate, 3), "1/s"),
    ]
    if counts["due"]:  # what was due by now, over the time that it takes to be due
        figures.append(Figure("rate achieved", round(counts["started"] / (counts["due"] / wanted.rate), 3), "1/s"))
    figures.append(Figure("items", counts["items"]))
    # Over the whole time, from the first stream that was due to the end of the last.
    if wall_us := max((worker.tally.counts["wall_us"] for worker in controller.workers.values()), default=0):
        figures.append(Figure("items a second", round(counts["items"] / wall_us * 1e6, 1), "1/s"))
    return Section("streams", tuple(figures))


def _metric(name: str, histogram: Histogram) -> Section:
    if not histogram.count:
        return Section(name, ())
    # Of fewer samples a percentile would only say the maximum once more, under a name that promises more.
    known = {
        word: percent
        for word, percent in PERCENTS.items()
        if percent == 100 or histogram.count * (100 - percent) >= 99.999
    }
    found = (Figure(word, round(histogram.percentile_us(percent) / 1e3, 3), "ms") for word, percent in known.items())
    mean = Figure("mean", round(histogram.mean_us() / 1e3, 3), "ms")
    return Section(f"{name}: {METRICS[name]}", (Figure("samples", histogram.count), *found, mean))


def _rules(total: Tally) -> Section:
    figures = [
        Figure(f"{rule}: {word}", total.rules[rule][word], "streams")
        for rule in sorted(total.rules)
        for word in ("held", "broken", "unknown")
        if total.rules[rule][word] or word == "held"
    ]
    return Section("rules, judged on every stream", tuple(figures))


def _engines(controller: Controller, total: Tally) -> Section:
    figures = [Figure("engines", len(controller.workers))]
    for name, what in ((LATE, "a stream was begun late by"), (LAG, "a timer was late by")):
        histogram = total.histograms[name]
        if histogram.count:
            figures += [
                Figure(f"{what}, {word}", round(histogram.percentile_us(PERCENTS[word]) / 1e3, 3), "ms")
                for word in ("p50", "p99", "max")
            ]
    if wall_us := total.counts["wall_us"]:
        figures.append(Figure("CPU share", round(100 * total.counts["cpu_us"] / wall_us, 1), "% of a core"))
    busiest = max((worker.busiest for worker in controller.workers.values()), default=0.0)
    figures.append(Figure("CPU share, busiest second", round(100 * busiest, 1), "% of a core"))
    return Section("our engines", tuple(figures))


def problem_of(controller: Controller) -> str:
    """Why the figures are not to be trusted, in words; empty when every engine had its final word."""
    said = [f"engine {name}: {w.problem}" for name, w in sorted(controller.workers.items()) if w.problem]
    silent = [name for name, w in sorted(controller.workers.items()) if not (w.final or w.problem)]
    said += [f"engine {name} did not have its final word" for name in silent]
    if (there := len(controller.workers)) < controller.expected:
        said.append(f"{there} of {controller.expected} engines began")
    return "; ".join(said)


def notes_of(controller: Controller, duration_s: float) -> tuple[str, ...]:
    """What a person must know before they read a figure."""
    counts = total_of(controller).counts
    notes: list[str] = []
    if counts["missed"]:
        notes.append(
            f"{counts['missed']} of {counts['due']} streams were not begun, because --streams were open already: "
            "the load was less than was asked for, and the times are of those that were begun"
        )
    if ours := bottleneck(controller):
        notes.append(f"{ours}: the times may be our own doing; ask for less, or for more engines (docs/load.md)")
    if controller.stopped:
        notes.append(f"stopped before its {duration_s:g} s were over: the figures are of what had begun")
    return tuple(notes)


def unshown(total: Tally, shown: Sequence[str]) -> tuple[str, ...]:
    """Rules that were broken, and whose history did not come with the figures: they fail the run all the same."""
    return tuple(
        f"{rule} was broken on {words['broken']} streams, and none of their histories was kept"
        for rule, words in sorted(total.rules.items())
        if words["broken"] and rule not in shown
    )
