"""The streams of one connection without a wire: who goes first, what is held back, and what races with what."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import pytest
from envelope_clients import ECHO, GENERATE, in_short

from streamspec.reference_impl.mount import mounted
from streamspec.reference_impl.multiplex import MOST_ANSWERS, Ending, Multiplex, Wanted
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code
from streamspec.reference_impl.stream.scheduler import STARVATION_BOUND

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers

Turns = Callable[[], Awaitable[Any]]
GATE: Final = {"do": "gate", "name": "g"}


class Line:
    """A `multiplex.Carrier` whose client says what a test puts in, and reads as long as `reads` is set."""

    def __init__(self, seams: Seams | None = None) -> None:
        self.mount = mounted(seams or Seams(), ROLES)
        self.said: asyncio.Queue[str | Ending | None] = asyncio.Queue()
        self.heard: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.room = 10**9  # messages that are taken, before nothing is read any more
        self.gone = False
        self.closed: Code | None = None
        self.streams = Multiplex(self._find, self.mount.seams)
        self.task = asyncio.create_task(self.streams.converse(self))

    def _find(self, procedure: str, metadata: Headers) -> Wanted | None:
        return Wanted(self.mount, procedure, metadata)

    async def read(self) -> str | None:
        said = await self.said.get()
        if isinstance(said, Ending):
            raise said
        return said

    async def write(self, message: str | bytes) -> None:
        await self.reads.wait()
        if self.gone:
            raise ConnectionResetError
        self.heard.append(json.loads(message))
        self.room -= 1
        if not self.room:
            self.reads.clear()

    def is_gone(self) -> bool:
        return self.gone

    async def close(self, code: Code) -> None:
        self.closed = code

    def say(self, stream: str, kind: str, **members: Any) -> None:
        self.said.put_nowait(json.dumps({"id": stream, "type": f"stream:{kind}", **members}))

    def start(self, stream: str, *steps: Any, direction: str = "server", **members: Any) -> None:
        wish = {"run": stream, "script": {"steps": steps}}
        self.say(stream, "start", procedure=direction, payload=wish, **members)

    def of(self, stream: str) -> list[str]:
        return [in_short(envelope) for envelope in self.heard if envelope.get("id") == stream]

    async def over(self) -> None:
        """The client leaves, and nothing is left."""
        self.said.put_nowait(None)
        self.reads.set()
        await self.task
        assert not self.mount.open
        assert not self.mount.told.open


def story(tell: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await tell()

    asyncio.run(main())


async def stalled(line: Line, turns: Turns, *runs: str) -> None:
    """Nothing is read, and each of these streams is full."""
    line.reads.clear()
    for run in runs:
        while (found := line.mount.runs.begun(run)) is None or not found.figures()["sending"]:
            await turns()


def test_of_streams_that_can_be_sent_the_highest_goes_first_and_the_lowest_goes_on(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        for name, priority in (("low", 0), ("middle", 5), ("high", 9)):
            line.start(name, GENERATE, priority=priority)
        await stalled(line, turns, "low", "middle", "high")
        line.heard.clear()
        line.room = 300
        line.reads.set()
        while line.room:
            await turns()
        served = [envelope["id"] for envelope in line.heard][10:]
        counts = Counter(served)
        assert counts["high"] > 2 * (counts["middle"] + counts["low"]) > 0
        for name in ("middle", "low"):
            places = [place for place, who in enumerate(served) if who == name]
            assert max(b - a for a, b in itertools.pairwise(places)) <= STARVATION_BOUND + 3
        await line.over()

    story(tell)


def test_equals_are_given_equal_shares(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        names = [f"s{n}" for n in range(10)]
        for name in names:
            line.start(name, GENERATE)
        await stalled(line, turns, *names)
        line.heard.clear()
        line.room = 1_000
        line.reads.set()
        while line.room:
            await turns()
        counts = Counter(envelope["id"] for envelope in line.heard)
        assert set(counts.values()) <= {99, 100, 101}
        await line.over()

    story(tell)


def test_whoever_reads_no_answers_is_not_read_either(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        line.reads.clear()
        for n in range(1_000):
            line.say(f"s{n}", "start", procedure="fly")
        await turns()
        await turns()
        assert 1_000 - line.said.qsize() <= MOST_ANSWERS + 3
        await line.over()

    story(tell)


def test_a_client_that_is_not_read_is_missed_when_it_has_left(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        line.start("a", GATE, direction="client")
        for n in range(20):
            line.say("a", "data", payload=n)
        await turns()
        assert line.said.qsize()
        line.gone = True
        await line.task
        run = line.mount.runs.begun("a")
        assert run is not None
        assert {**run.figures(), "cancel_seen": 1, "input": "broken", "cleanups": 1} == run.figures()

    story(tell)


@pytest.mark.parametrize("seed", range(40))
def test_a_cancel_that_races_with_the_end_leaves_one_end(turns: Turns, seed: int) -> None:
    async def tell() -> None:
        chance, line = random.Random(seed), Line()
        for n in range(25):
            line.start(f"s{n}", {"do": "generate", "n": chance.randrange(4)})
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            line.say(f"s{n}", "cancel")
            if chance.random() < 0.3:
                line.say(f"s{n}", "cancel")
        while sum(in_short(envelope) in {"end", "error CANCELLED"} for envelope in line.heard) < 25:
            await turns()
        await line.over()
        for n in range(25):
            told = line.of(f"s{n}")
            assert told[-1] in {"end", "error CANCELLED"}
            assert sum(word in {"end", "error CANCELLED"} for word in told) == 1
        assert "complaint NOT_FOUND" not in {in_short(e) for e in line.heard if e["type"] == "error"}

    story(tell)


def test_a_cancel_takes_back_what_is_on_its_way(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        line.start("a", GENERATE)
        await stalled(line, turns, "a")
        before = len(line.heard)
        line.say("a", "cancel")
        await turns()
        line.reads.set()
        while line.of("a")[-1:] != ["error CANCELLED"]:
            await turns()
        assert len(line.heard) - before <= 2  # what was being written, and the answer
        await line.over()

    story(tell)


def test_who_hears_why_it_ends_has_read_it_when_it_ends() -> None:
    async def tell() -> None:
        line = Line()
        line.start("a", GATE)
        line.said.put_nowait(Ending(Code.TIMED_OUT, "so long"))
        await line.task
        assert line.closed is Code.TIMED_OUT
        assert line.heard[-1] == {"type": "error", "payload": {"code": "TIMED_OUT", "message": "so long"}}
        assert not line.mount.open

    story(tell)


def test_a_server_that_stops_takes_no_more_streams_and_ends_with_the_last(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        line.start("a", ECHO, direction="bidi")
        await turns()
        line.streams.go_away()
        line.start("b")
        line.say("a", "data", payload=1)
        await turns()
        assert line.of("b") == ["error UNAVAILABLE"]
        line.say("a", "end")
        await line.task
        assert line.of("a")[-1] == "end"
        assert line.closed is Code.UNAVAILABLE

    story(tell)


def test_a_variant_may_end_a_connection_over_a_message_or_let_a_stream_be_taken_over(turns: Turns) -> None:
    async def tell() -> None:
        line = Line(Seams(survives=lambda code: code is not Code.NOT_FOUND))
        line.start("a", GATE)
        line.say("nobody", "end")
        await line.task
        line = Line(Seams(takes_over=lambda _: True))
        line.start("a", GATE)
        await turns()
        line.start("a", {"do": "generate", "n": 1})
        while "end" not in line.of("a"):
            await turns()
        assert len(line.mount.open) == 1
        await line.over()

    story(tell)


def test_of_two_starts_with_one_id_that_come_together_the_second_is_refused(turns: Turns) -> None:
    async def tell() -> None:
        line = Line()
        line.start("a", GATE)
        line.start("a", {"do": "generate", "n": 1})
        await turns()
        assert sorted(line.of("a")) == ["complaint ALREADY_EXISTS", "start"]
        assert len(line.mount.open) == 1
        await line.over()

    story(tell)


def test_a_variant_may_note_an_id_only_when_its_stream_has_begun(turns: Turns) -> None:
    async def tell() -> None:
        line = Line(Seams(takes_over=lambda stream: stream is None))
        line.start("a", GATE)
        line.start("a", GATE)
        await turns()
        assert line.of("a") == ["start", "start"]
        line.start("a", GATE)
        await turns()
        assert line.of("a") == ["start", "start", "complaint ALREADY_EXISTS"]
        await line.over()

    story(tell)


def test_a_variant_may_pass_over_a_cancel_or_a_half_close(turns: Turns) -> None:
    async def tell() -> None:
        line = Line(Seams(on_cancel_word=lambda _: None, half_close=lambda _: None))
        line.start("a", ECHO, direction="bidi")
        line.say("a", "cancel")
        line.say("a", "end")
        line.say("a", "data", payload=1)
        await turns()
        await turns()
        assert [envelope.get("payload") for envelope in line.heard] == [None, 1]
        await line.over()

    story(tell)
