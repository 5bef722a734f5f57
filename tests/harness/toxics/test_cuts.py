"""Toxics that end connections or lose octets: limit_data, cut_at, reset_peer, timeout."""

from __future__ import annotations

import pytest
from fault_flows import driven, through

from streamspec.harness.core.toxic import End, Piece, Toxic, Wait
from streamspec.harness.toxics.cut_at import CUT_AT
from streamspec.harness.toxics.limit_data import LIMIT_DATA
from streamspec.harness.toxics.reset_peer import RESET_PEER
from streamspec.harness.toxics.timeout import TIMEOUT


@pytest.mark.parametrize(("toxic", "reset"), [(LIMIT_DATA, False), (CUT_AT, True)])
@pytest.mark.parametrize("limit", [1, 4, 5, 9])
def test_exactly_so_many_octets_pass(toxic: Toxic, limit: int, *, reset: bool) -> None:
    run = through(toxic, [b"abcd", b"efghij"], bytes=limit)
    assert run.octets == b"abcdefghij"[:limit]
    assert run.end == End(cut=True, reset=reset)


def test_the_piece_that_reaches_the_limit_is_the_last() -> None:
    run = driven(LIMIT_DATA, bytes=4).take(b"abcd")
    assert run.octets == b"abcd"
    assert run.end == End(cut=True)


def test_a_limit_of_0_ends_at_the_first_piece_and_not_before() -> None:
    run = driven(LIMIT_DATA, bytes=0)
    assert run.end is None
    assert run.take(b"a").end == End(cut=True)
    assert run.octets == b""


def test_a_stream_that_ends_below_the_limit_was_not_cut() -> None:
    assert through(LIMIT_DATA, [b"abc"], bytes=10).end == End(cut=False)


@pytest.mark.parametrize("toxic", [LIMIT_DATA, CUT_AT])
def test_what_has_passed_counts_when_the_limit_changes(toxic: Toxic) -> None:
    before = driven(toxic, bytes=10).take(b"abcd").flow
    after = driven(toxic, before=before, bytes=6).take(b"efgh")
    assert after.octets == b"ef"
    assert after.end
    lower = driven(toxic, before=before, bytes=2).take(b"efgh")
    assert lower.octets == b""
    assert lower.end


def test_reset_peer_lets_nothing_pass_and_ends_after_its_timeout() -> None:
    run = driven(RESET_PEER, timeout=20).take(b"abcd")
    assert run.octets == b""
    assert (run.end, run.ended_ms) == (End(cut=True), 20.0)
    assert next(driven(RESET_PEER, timeout=20).flow.take(Piece(b"a", 0), lambda: 0)) == Wait(20, sure=True)


def test_reset_peer_acts_on_the_end_as_on_octets() -> None:
    assert driven(RESET_PEER).take(None).end == End(cut=True)


def test_timeout_drops_everything_and_its_clock_starts_anew_with_each_piece() -> None:
    run = driven(TIMEOUT, timeout=100)
    assert run.take(b"a").take(b"b").octets == b""
    assert run.end is None
    assert run.flow.idle_ms == 100.0
    assert run.take(None).end == End(cut=False)


def test_a_timeout_of_0_never_ends_by_itself() -> None:
    assert driven(TIMEOUT).flow.idle_ms == 0.0
    assert TIMEOUT.removal_cuts
