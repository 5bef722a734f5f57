"""Streams of servers and of objects, played and judged by the engine's own doors: in this process, in real time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from load_engine import BUSY, CUT, LOST, WHOLE, answers, job

from streamspec.harness import load_objects, load_servers

if TYPE_CHECKING:
    from streamspec.harness.core.history import History
    from streamspec.harness.load.engine import Engine
    from streamspec.harness.load.tally import Tally
    from streamspec.harness.load_job import Job

LOSES = "streamspec.reference_impl.objects:aio.drops_when_full"
MEASURED = ("ttfb", "ttfe", "gap", "whole", "late")


def driven(wanted: Job) -> tuple[Tally, dict[str, History]]:
    """What came of it, and the last history of each kind that is worth to be kept."""
    kept: dict[str, History] = {}

    async def main() -> Tally:
        doors = load_objects if wanted.object else load_servers
        made: Engine = doors.engine_of(wanted, kept.__setitem__)
        assert await made.run() == ""
        return made.take()

    return asyncio.run(main()), kept


def counts(tally: Tally) -> dict[str, int]:
    return {name: n for name, n in tally.counts.items() if n and not name.endswith("_us")}


def test_every_stream_of_a_server_is_judged_and_counted_for_what_it_was() -> None:
    with answers(WHOLE, BUSY, LOST, CUT) as url:
        tally, kept = driven(job(url))
    assert counts(tally) == {"due": 8, "started": 8, "good": 2, "failed": 6, "items": 12}
    assert dict(tally.kinds) == {"answered 503": 2, "broke OI-02": 2, "cut": 2}
    assert {rule: dict(words) for rule, words in tally.rules.items()} == {
        "OI-01": {"held": 4, "unknown": 4},
        "OI-02": {"held": 2, "broken": 2, "unknown": 4},
        "OI-03": {"held": 4, "unknown": 4},
    }
    of_the_good_alone = {"ttfb": 2, "ttfe": 2, "gap": 4, "whole": 2, "late": 8}
    assert {name: tally.histograms[name].count for name in MEASURED} == of_the_good_alone
    assert set(kept) == {"", "answered 503", "cut", "OI-02"}
    assert kept["OI-02"].header.case.startswith("load/finite@sse/stream-")


@pytest.mark.parametrize(
    ("name", "load", "whole"),
    [
        ("streamspec.reference_impl.objects:AIO", "object", 8),
        ("streamspec.reference_impl.objects:THREADS", "object", 8),
        ("asyncio:Queue", "object-endless", 0),
        ("queue:Queue", "object-endless", 0),
    ],
)
def test_streams_of_a_process_are_judged_and_measured(name: str, load: str, whole: int) -> None:
    wanted = replace(job("http://unused/"), object=name, load=load, binding="inprocess", rules=("OI-01", "OI-03"))
    tally, kept = driven(wanted)
    assert counts(tally) == {"due": 8, "started": 8, "good": 8, "items": 400}
    assert {rule: dict(words) for rule, words in tally.rules.items()} == {"OI-01": {"held": 8}, "OI-03": {"held": 8}}
    assert {n: tally.histograms[n].count for n in MEASURED} == {
        "ttfb": 0,
        "ttfe": 8,
        "gap": 392,
        "whole": whole,
        "late": 8,
    }
    assert set(kept) == {""}


def test_an_object_that_loses_an_item_is_no_good_stream() -> None:
    wanted = replace(job("http://unused/"), object=LOSES, load="object", binding="inprocess", rules=("OI-01", "OI-02"))
    tally, kept = driven(wanted)
    assert (dict(tally.kinds), tally.counts["good"], tally.histograms["whole"].count) == ({"broke OI-02": 8}, 0, 0)
    assert set(kept) == {"OI-02"}
