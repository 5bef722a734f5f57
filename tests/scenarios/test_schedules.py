"""Random schedules: whatever chance has the callers do to a correct stream, no rule says that it is broken; and what
the rules are there to find, the search finds in a broken one.

How many are drawn is a setting: STREAMSPEC_SCHEDULES in virtual time, STREAMSPEC_THREAD_SCHEDULES with threads.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from honest_objects import Awaited, Blocking
from schedule_search import bench_of, drawn, explore

from streamspec.harness.core.script import script_from_json, script_to_json
from streamspec.harness.engine.objects import history_of

SCHEDULES = int(os.environ.get("STREAMSPEC_SCHEDULES", "200"))
THREAD_SCHEDULES = int(os.environ.get("STREAMSPEC_THREAD_SCHEDULES", "30"))
PARTS = range(2)  # of one search, for as many processors
FIRST_SEED = int(os.environ.get("STREAMSPEC_SEED", "0"))
AWAITED = ["AIO", "AIO_TABLED", "asyncio:Queue", "anyio:create_memory_object_stream", Awaited]
BLOCKING = ["THREADS", "THREADS_TABLED", "queue:Queue", Blocking]
# Rules that a search of some hundred schedules must have found something to hold, or it explored nothing.
ALWAYS_SEEN = {"BP-01", "OI-01", "OI-02", "OI-03"}


def searched(name: Any, part: int, schedules: int) -> dict[str, int]:
    """How often each rule held in this part of so many schedules."""
    count = schedules // len(PARTS)
    called, held = explore(name, FIRST_SEED + part * count, count)
    print(f"\n{name}: {count} schedules; calls {dict(called)}; rules that held {dict(sorted(held.items()))}")  # noqa: T201 -- the figures of a lane
    assert called["send"] > count
    assert called["receive"] > count
    assert {rule for rule, n in held.items() if n > count / 20} >= ALWAYS_SEEN
    return dict(held)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", AWAITED, ids=str)
def test_no_schedule_in_virtual_time_shows_a_violation(name: Any, part: int) -> None:
    assert searched(name, part, SCHEDULES)["BP-02"] > 0


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", BLOCKING, ids=str)
def test_no_schedule_with_threads_shows_a_violation(name: Any, part: int) -> None:
    assert searched(name, part, THREAD_SCHEDULES)


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("drops_when_full", "BP-01|OI-02"),
        ("unbounded", "BP-01"),
        ("wakes_nobody", "BP-02"),
        ("waits_after_cancel", "BP-09|CN-18"),
    ],
)
def test_the_search_finds_what_is_broken(name: str, rules: str) -> None:
    """Any of the rules that such a stream breaks: chance decides which situation comes first."""
    with pytest.raises(AssertionError, match=f"({rules}) (FAIL|WARN)"):
        explore(f"streamspec.reference_impl.objects:aio.{name}", 0, 1_000)


def test_a_schedule_is_data_and_its_seed_decides() -> None:
    bench = bench_of(Awaited)
    one, again, other = (drawn(seed, bench).scenario.script for seed in (5, 5, 6))
    assert one == again
    assert one != other
    assert script_from_json(json.loads(json.dumps(script_to_json(one)))) == one


def test_the_same_schedule_leaves_the_same_history() -> None:
    bench = bench_of(Awaited)
    assert all(history_of(drawn(seed, bench), bench) == history_of(drawn(seed, bench), bench) for seed in range(30))
