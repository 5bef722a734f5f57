"""Toxics that lose nothing: latency, bandwidth, slow_close, noop."""

from __future__ import annotations

from itertools import pairwise

import pytest
from fault_flows import MS, driven, through

from streamspec.harness.core.toxic import FOR_EVER_MS, Piece, Send, Wait, problem_of
from streamspec.harness.toxics.bandwidth import BANDWIDTH
from streamspec.harness.toxics.latency import LATENCY
from streamspec.harness.toxics.noop import NOOP
from streamspec.harness.toxics.slow_close import SLOW_CLOSE


def test_latency_delays_each_piece_and_not_the_end() -> None:
    run = through(LATENCY, [b"a", b"b"], latency=40)
    assert run.came == [(40.0, b"a"), (80.0, b"b")]
    assert run.ended_ms == 80.0
    assert run.end
    assert not run.end.cut


def test_the_time_that_a_piece_has_waited_already_counts() -> None:
    run = driven(LATENCY, latency=40)
    run.now_ns = 100 * MS
    run.take(b"a", received_ns=90 * MS).take(b"b", received_ns=90 * MS).take(b"late", received_ns=0)
    assert run.came == [(130.0, b"a"), (130.0, b"b"), (130.0, b"late")]


def test_two_latencies_add_up() -> None:
    first = next(a.piece for a in driven(LATENCY, latency=30).flow.take(Piece(b"a", 0), int) if isinstance(a, Send))
    assert first.stamp_ns == 30 * MS
    second = driven(LATENCY, latency=20)
    second.now_ns = 30 * MS
    second.take(b"a", received_ns=first.stamp_ns)
    assert second.came == [(50.0, b"a")]


def test_jitter_stays_within_its_bounds_and_is_the_same_for_the_same_seed() -> None:
    def gaps(seed: int) -> list[float]:
        times = [0.0, *(at for at, _ in through(LATENCY, [b"x"] * 200, seed=seed, latency=40, jitter=10).came)]
        return [later - earlier for earlier, later in pairwise(times)]

    assert all(30 <= gap < 50 for gap in gaps(1))
    assert min(gaps(1)) < 35
    assert max(gaps(1)) > 45
    assert gaps(1) == gaps(1)
    assert gaps(1) != gaps(2)


def test_bandwidth_lets_so_many_octets_pass_in_a_millisecond() -> None:
    run = through(BANDWIDTH, [b"x" * 50, b"y" * 50], rate=10)
    assert run.came == [(5.0, b"x" * 50), (10.0, b"y" * 50)]


def test_a_large_piece_goes_out_in_slices_of_a_tenth_of_a_second() -> None:
    run = through(BANDWIDTH, [b"x" * 250], rate=1)
    assert run.came == [(100.0, b"x" * 100), (200.0, b"x" * 100), (250.0, b"x" * 50)]


def test_what_a_wait_was_too_long_is_taken_off_the_next() -> None:
    run = driven(BANDWIDTH, rate=10)
    actions = run.flow.take(Piece(b"x" * 50, 0), lambda: run.now_ns)
    assert next(actions) == Wait(5.0)
    run.now_ns += 8 * MS  # this machine woke up late
    assert isinstance(next(actions), Send)
    assert list(actions) == []
    assert next(run.flow.take(Piece(b"y" * 50, 0), lambda: run.now_ns)) == Wait(2.0)


def test_no_bandwidth_at_all_stalls_until_the_toxics_change() -> None:
    actions = driven(BANDWIDTH, rate=0).flow.take(Piece(b"x", 0), lambda: 0)
    assert next(actions) == Wait(FOR_EVER_MS)
    assert next(actions) == Send(Piece(b"x", 0))


def test_slow_close_delays_the_end_alone() -> None:
    run = through(SLOW_CLOSE, [b"a"], delay=150)
    assert run.came == [(0.0, b"a")]
    assert run.ended_ms == 150.0


def test_noop_does_nothing() -> None:
    run = through(NOOP, [b"a", b"b"])
    assert run.came == [(0.0, b"a"), (0.0, b"b")]
    assert run.ended_ms == 0.0


@pytest.mark.parametrize(("values", "problem"), [({"rate": -1}, "rate must be 0 to"), ({"rate": 1}, "")])
def test_a_bandwidth_that_crashes_toxiproxy_is_refused(values: dict[str, int], problem: str) -> None:
    assert problem in problem_of(BANDWIDTH, values)
    assert bool(problem_of(BANDWIDTH, values)) is bool(problem)
