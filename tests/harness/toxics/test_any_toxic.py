"""What holds for every toxic, and how a slicer slices."""

from __future__ import annotations

from typing import Any, Final

import pytest
from fault_flows import through
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.toxic import Toxic, problem_of
from streamspec.harness.discovery import constants
from streamspec.harness.toxics.limit_data import LIMIT_DATA
from streamspec.harness.toxics.slicer import SLICER

TOXICS: Final = constants("streamspec.harness.toxics", Toxic)
TOXIPROXYS: Final = {
    *("latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop"),
}
KEEPING: Final = tuple(toxic for toxic in TOXICS if not toxic.cuts)
VALUES: Final[dict[str, st.SearchStrategy[Any]]] = {
    "latency": st.fixed_dictionaries({"latency": st.integers(0, 50), "jitter": st.integers(0, 20)}),
    "bandwidth": st.fixed_dictionaries({"rate": st.integers(1, 50)}),
    "slow_close": st.fixed_dictionaries({"delay": st.integers(0, 50)}),
    "noop": st.just({}),
    "slicer": st.integers(1, 60).flatmap(
        lambda size: st.fixed_dictionaries(
            {"average_size": st.just(size), "size_variation": st.integers(0, size - 1), "delay": st.integers(0, 900)}
        )
    ),
}
PIECES: Final = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def test_every_toxic_of_toxiproxy_is_there_and_ours_are_called_ours() -> None:
    assert {toxic.name for toxic in TOXICS if not toxic.ours} == TOXIPROXYS
    assert {toxic.name for toxic in TOXICS if toxic.ours} == {"cut_at"}
    assert len({toxic.name for toxic in TOXICS}) == len(TOXICS)


@pytest.mark.parametrize("toxic", KEEPING, ids=lambda toxic: toxic.name)
@given(data=st.data(), pieces=PIECES, seed=st.integers(0, 9))
def test_what_does_not_cut_keeps_every_octet_in_its_place(
    toxic: Toxic, data: st.DataObject, pieces: list[bytes], seed: int
) -> None:
    values = data.draw(VALUES[toxic.name])
    assert problem_of(toxic, values) == ""
    run = through(toxic, pieces, seed=seed, **values)
    assert run.octets == b"".join(pieces)
    assert run.end
    assert not run.end.cut
    assert all(run_data for _, run_data in run.came)


@given(pieces=PIECES, limit=st.integers(0, 1_000))
def test_however_the_octets_come_the_same_ones_pass_a_limit(pieces: list[bytes], limit: int) -> None:
    whole = b"".join(pieces)
    run = through(LIMIT_DATA, pieces, bytes=limit)
    assert run.octets == whole[:limit]
    assert run.end
    assert run.end.cut is (bool(pieces) and len(whole) >= limit)


def test_a_slicer_halves_until_the_slices_are_small() -> None:
    run = through(SLICER, [b"x" * 100], average_size=13, size_variation=0, delay=500)
    assert [len(data) for _, data in run.came] == [12, 13, 12, 13, 12, 13, 12, 13]
    assert [at for at, _ in run.came] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]
    assert run.ended_ms == 4.0  # the delay follows the last slice, too


def test_a_slicer_varies_by_its_seed() -> None:
    def sizes(seed: int) -> list[int]:
        return [len(d) for _, d in through(SLICER, [b"x" * 400], seed=seed, average_size=20, size_variation=9).came]

    assert sizes(1) == sizes(1)
    assert sizes(1) != sizes(2)
    assert max(sizes(1)) <= 29


@pytest.mark.parametrize(
    "values",
    [{}, {"average_size": 0}, {"average_size": 5, "size_variation": 5}, {"average_size": 5, "size_variation": -1}],
)
def test_slices_that_crash_toxiproxy_are_refused(values: dict[str, int]) -> None:
    assert problem_of(SLICER, values)
