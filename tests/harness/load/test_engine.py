"""The open loop, in virtual time: a stream that hangs delays no other, and each that was due is accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.harness.core.load import Seen, Wanted
from streamspec.harness.engine.virtual import in_virtual_time
from streamspec.harness.load.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Coroutine

WANTED = Wanted(streams=10, rate=10.0, duration_s=2.0)
Told = list[tuple[str, str]]
Stood = Callable[[], float]
HELD: Told = [("OI-01", "held")]


def driven(
    one: Callable[[int, int, Stood], Coroutine[Any, Any, tuple[Seen, Told]]],
    wanted: Wanted = WANTED,
    stop_s: float = 0.0,
) -> tuple[dict[str, int], str, Engine]:
    made: list[Any] = []

    async def main(_: object) -> None:
        engine = Engine(wanted, one, 1_000.0, lambda _: None)
        if stop_s:
            asyncio.get_running_loop().call_later(stop_s, engine.stop)
        problem = await engine.run()
        made.extend((engine.take(), problem, engine))

    in_virtual_time(main)
    tally, problem, engine = made
    return {name: n for name, n in tally.counts.items() if n and not name.endswith("_us")}, problem, engine


def test_each_stream_begins_when_it_is_due_whatever_the_others_do() -> None:
    began: list[float] = []

    async def slow(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        now_s = asyncio.get_running_loop().time()
        began.append(now_s - due_ns / 1e9)
        await asyncio.sleep(0.9)
        return Seen("", 1, 1, 1, (), 900_000), HELD

    counts, problem, engine = driven(slow)
    assert counts == {"due": 20, "started": 20, "good": 20, "items": 20}
    assert began == pytest.approx([0.0] * 20, abs=1e-6)
    assert (problem, engine.open_now) == ("", 0)


def test_what_would_be_one_too_many_at_once_is_missed_and_not_put_off() -> None:
    began: list[int] = []

    async def hangs(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        began.append(number)
        await asyncio.sleep(1.25)
        return Seen("", 0), []

    counts, _, _ = driven(hangs, Wanted(streams=3, rate=10.0, duration_s=2.0))
    assert counts == {"due": 20, "started": 6, "missed": 14, "good": 6}
    assert began == [0, 1, 2, 13, 14, 15]


def test_what_is_open_at_the_end_is_waited_for_and_then_left() -> None:
    async def one(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        await asyncio.sleep(600.0 if number == 19 else 0.5)
        return Seen("reset"), []

    counts, problem, _ = driven(one)
    assert (counts["failed"], counts["stopped"], counts["started"], problem) == (19, 1, 20, "")


def test_a_stop_begins_no_more_and_holds_nothing_against_what_was_open() -> None:
    async def one(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        await asyncio.sleep(0.32)
        return Seen("", 1), HELD

    counts, problem, _ = driven(one, stop_s=1.1)
    assert (counts["due"], counts["started"], counts["good"], counts["stopped"]) == (11, 11, 8, 3)
    assert problem == ""


def test_a_stop_in_the_first_moment_leaves_streams_that_have_not_even_begun() -> None:
    async def one(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        return Seen("", 1), HELD

    counts, _, _ = driven(one, stop_s=0.001)
    assert counts == {}


def test_an_error_of_ours_ends_the_load_and_is_told() -> None:
    async def one(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        await asyncio.sleep(0)
        if number == 4:
            raise KeyError("no such budget")
        return Seen("", 1), HELD

    counts, problem, _ = driven(one)
    assert problem == "KeyError: 'no such budget'"
    assert counts["started"] == counts["good"] + counts["stopped"] < 20


def test_taking_twice_counts_nothing_twice() -> None:
    async def one(number: int, due_ns: int, standing_ms: Stood) -> tuple[Seen, Told]:
        return Seen("", 1, 1, 1, (), 1), HELD

    counts, _, engine = driven(one)

    async def again(_: object) -> None:
        assert engine.take().counts["good"] == 0

    in_virtual_time(again)
    assert counts["good"] == 20
