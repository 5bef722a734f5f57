"""The event-stream observer against a plain split of the same octets: what exactness costs. Figures, never gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.profile import Profile
from streamspec.harness.drivers.sse import SSE

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

EVENTS = 20_000
OCTETS = b"".join(b'id: %d\ndata: {"n": %d, "text": "%s"}\n\n' % (n, n, b"x" * 60) for n in range(EVENTS))
PLAIN = Profile("plain", "anything")


def observed(piece_bytes: int) -> int:
    decoder = SSE.decoder(PLAIN, "", LIMITS)
    return sum(len(decoder.feed(OCTETS[i : i + piece_bytes])) for i in range(0, len(OCTETS), piece_bytes))


@pytest.mark.parametrize("piece_bytes", [65_536, 1_400, 100])
def test_the_observer(benchmark: BenchmarkFixture, piece_bytes: int) -> None:
    benchmark.extra_info["megabytes"] = len(OCTETS) / 1e6
    assert benchmark(observed, piece_bytes) == EVENTS


def test_a_plain_split(benchmark: BenchmarkFixture) -> None:
    """A floor, and no peer: it knows neither CR, comments, offsets nor limits."""
    assert benchmark(lambda: len(OCTETS.split(b"\n\n"))) == EVENTS + 1
