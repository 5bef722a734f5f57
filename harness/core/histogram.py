"""A log-linear histogram of microseconds: bounded in size and in error, and mergeable in any order.

A value below 512 us has a bucket of its own; above that each doubling is cut into 256 buckets, so that what a
percentile says is within 0.2 % of the sample that it stands for. Never here: a clock, or what the values mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION: Final = 1
BITS: Final = 8
_CUTS: Final = 1 << BITS
_EXACT: Final = _CUTS * 2  # below, a bucket is one microsecond wide
LONGEST_US: Final = (1 << 36) - 1  # 19 hours: what is longer counts as that, and the maximum stays exact
BUCKETS_MAX: Final = (36 - BITS) * _CUTS + _CUTS
_SHARES: Final = 100_000  # a percentile is read to a thousandth of a per cent


class Histogram:
    """Counts of values, with their exact number, sum, least and greatest."""

    __slots__ = ("_buckets", "count", "greatest_us", "least_us", "sum_us")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.sum_us = 0
        self.least_us = 0
        self.greatest_us = 0

    def record(self, value_us: int, times: int = 1) -> None:
        """One value, or the same one so many times. Raises `ValueError` for what is below zero: no wait is."""
        if value_us < 0 or times < 1:
            raise ValueError(f"{value_us} us, {times} times: no such sample")
        key = bucket_of(min(value_us, LONGEST_US))
        self._buckets[key] = self._buckets.get(key, 0) + times
        self.least_us = min(self.least_us, value_us) if self.count else value_us
        self.greatest_us = max(self.greatest_us, value_us)
        self.count += times
        self.sum_us += value_us * times

    def merge(self, other: Histogram) -> None:
        """Add what the other one counted; it stays as it is."""
        if not other.count:
            return
        for key, times in other._buckets.items():
            self._buckets[key] = self._buckets.get(key, 0) + times
        self.least_us = min(self.least_us, other.least_us) if self.count else other.least_us
        self.greatest_us = max(self.greatest_us, other.greatest_us)
        self.count += other.count
        self.sum_us += other.sum_us

    def percentile_us(self, percent: float) -> float:
        """The value that `percent` of the samples do not exceed (nearest rank). Raises `ValueError` when there is no
        sample, or for a percent outside of 0 to 100."""
        if not self.count or not 0 <= percent <= 100:
            raise ValueError(f"no percentile {percent} of {self.count} samples")
        # In whole numbers: 99.9 / 100 * 1000 is above 999, and would be rounded up to 1000.
        rank = max(1, -(-self.count * round(percent * _SHARES / 100) // _SHARES))
        if rank == self.count:
            return float(self.greatest_us)
        passed = 0
        for key in sorted(self._buckets):
            passed += self._buckets[key]
            if passed >= rank:
                return min(max(middle_us(key), float(self.least_us)), float(self.greatest_us))
        raise AssertionError("the buckets hold fewer samples than were counted")

    def mean_us(self) -> float:
        """Raises `ValueError` when there is no sample."""
        if not self.count:
            raise ValueError("no mean of no samples")
        return self.sum_us / self.count

    def values(self) -> Iterator[tuple[float, int]]:
        """The middle of each bucket that has samples, in order, and how many."""
        return ((middle_us(key), self._buckets[key]) for key in sorted(self._buckets))

    def to_json(self) -> dict[str, Any]:
        keys = sorted(self._buckets)
        return {
            "version": VERSION,
            "bits": BITS,
            "sum_us": self.sum_us,
            "least_us": self.least_us,
            "greatest_us": self.greatest_us,
            "buckets": [[key, self._buckets[key]] for key in keys],
        }


def histogram_from_json(data: Any) -> Histogram:
    """The inverse of `to_json`. Raises `ValueError` for anything else, and for figures that contradict each other."""
    made = Histogram()
    try:
        if (data["version"], data["bits"]) != (VERSION, BITS):
            raise ValueError("a histogram of another version")
        previous = -1
        for key, times in data["buckets"]:
            if not (_whole(key) and _whole(times) and previous < key < BUCKETS_MAX and times > 0):
                raise ValueError(f"bucket {key!r} with {times!r} samples")
            previous = key
            made._buckets[key] = times  # noqa: SLF001 -- the reader of the same class
            made.count += times
        figures = (data["sum_us"], data["least_us"], data["greatest_us"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no histogram: {type(error).__name__} {error}") from error
    if not all(map(_whole, figures)):
        raise ValueError(f"no figures: {figures}")
    made.sum_us, made.least_us, made.greatest_us = figures
    if not _agrees(made):
        raise ValueError("a histogram whose figures contradict its buckets")
    return made


def bucket_of(value_us: int) -> int:
    """The bucket of a value from 0 to `LONGEST_US`."""
    if value_us < _EXACT:
        return value_us
    shift = value_us.bit_length() - BITS - 1
    return shift * _CUTS + (value_us >> shift)


def middle_us(key: int) -> float:
    """The middle of a bucket."""
    if key < _EXACT:
        return float(key)
    shift = key // _CUTS - 1
    return ((key - shift * _CUTS) << shift) + (1 << shift) / 2


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _agrees(made: Histogram) -> bool:
    """Whether least, greatest and sum are possible for these buckets."""
    if not made.count:
        return not (made.sum_us or made.least_us or made.greatest_us)
    keys = made._buckets  # noqa: SLF001 -- the reader of the same class
    ends = (bucket_of(min(made.least_us, LONGEST_US)), bucket_of(min(made.greatest_us, LONGEST_US)))
    inside = made.least_us * made.count <= made.sum_us <= made.greatest_us * made.count
    return ends == (min(keys), max(keys)) and inside
