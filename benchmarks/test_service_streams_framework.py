"""The streams framework against the bare stream beneath it: one producer task, one consumer, in one process.

The peers take turns in every round, so that whatever else the machine does falls on all of them, and ratios are of
medians of what the process itself has used. Figures, never gates.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streamspec.reference_impl.services.framework import Context, Router, create_stream
from streamspec.reference_impl.services.framework.playing import play
from streamspec.reference_impl.stream.aio import Stream

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from streamspec.reference_impl.services.framework import Next

ROUNDS = 15
ITEMS = {1: 2_000, 16: 10_000, 1024: 20_000}  # by capacity

HandOver = Callable[[int, int], Awaitable[None]]


class Entry(msgspec.Struct):
    n: int
    text: str


async def bare_calls(capacity: int, count: int) -> None:
    stream: Stream[int] = Stream(capacity)

    async def produce() -> None:
        for n in range(count):
            await stream.send(n)

    async def consume() -> None:
        for _ in range(count):
            item = await stream.receive()
        assert item == count - 1

    await asyncio.gather(produce(), consume())


async def raffel_calls(capacity: int, count: int) -> None:
    stream = create_stream(high_water_mark=capacity)

    async def produce() -> None:
        for n in range(count):
            await stream.write(n)

    async def consume() -> None:
        for _ in range(count):
            chunk = await stream.read()
        assert chunk.value == count - 1

    await asyncio.gather(produce(), consume())


async def bare_iterated(capacity: int, count: int) -> None:
    stream: Stream[int] = Stream(capacity)

    async def produce() -> None:
        for n in range(count):
            await stream.send(n)
        stream.complete()

    await asyncio.gather(produce(), consumed(stream, count))


async def raffel_iterated(capacity: int, count: int) -> None:
    stream = create_stream(high_water_mark=capacity)

    async def produce() -> None:
        for n in range(count):
            await stream.write(n)
        stream.end()

    await asyncio.gather(produce(), consumed(stream, count))


async def consumed(stream: Any, count: int) -> None:
    seen = 0
    async for _ in stream:
        seen += 1
    assert seen == count


async def entries(count: int) -> AsyncIterator[dict[str, object]]:
    for n in range(count):
        yield {"n": n, "text": "x"}


async def fed(capacity: int, count: int) -> None:
    """The floor of a played handler: the same generator, its items sent on as they are."""
    stream: Stream[object] = Stream(capacity)

    async def produce() -> None:
        async for entry in entries(count):
            await stream.send(entry)
        stream.complete()

    await asyncio.gather(produce(), consumed(stream, count))


async def checked_by_hand(capacity: int, count: int) -> None:
    """The same, each item looked at as a schema has to: as what it is once it is JSON."""
    stream: Stream[object] = Stream(capacity)
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Entry).decode

    async def produce() -> None:
        async for entry in entries(count):
            await stream.send(decode(encode(entry)))
        stream.complete()

    await asyncio.gather(produce(), consumed(stream, count))


def played(*, output: object = None, intercepted: bool = False) -> HandOver:
    async def passes(ctx: Context, call_next: Next) -> Any:
        outputs = await call_next()

        async def passed() -> AsyncIterator[object]:
            async for entry in outputs:
                yield entry

        return passed()

    async def hand_over(capacity: int, count: int) -> None:
        router = Router()
        declared = router.stream("entries")
        declared = declared if output is None else declared.output(output)
        declared = declared.use(passes) if intercepted else declared
        declared.handler(lambda: entries(count))
        (procedure,) = router.procedures()
        stream: Stream[object] = Stream(capacity)

        async def produce() -> None:
            await play(procedure, None, None, Context("s"), stream.send)
            stream.complete()

        await asyncio.gather(produce(), consumed(stream, count))

    return hand_over


CALLS: dict[str, HandOver] = {"stream": bare_calls, "RaffelStream": raffel_calls}
ITERATIONS: dict[str, HandOver] = {"stream, async for": bare_iterated, "RaffelStream, async for": raffel_iterated}
HANDLERS: dict[str, HandOver] = {
    "generator to stream": fed,
    "generator to stream, checked by hand": checked_by_hand,
    "played": played(),
    "played, intercepted": played(intercepted=True),
    "played, output checked": played(output=Entry),
}
BY_HAND = {"played, output checked": "generator to stream, checked by hand"}  # what does the same without the face


def cpu_s(hand_over: HandOver, capacity: int, count: int) -> float:
    async def timing() -> float:
        begun = time.process_time()
        await hand_over(capacity, count)
        return time.process_time() - begun

    gc.collect()
    return asyncio.run(timing())


@pytest.mark.parametrize("capacity", ITEMS)
@pytest.mark.parametrize("subjects", [CALLS, ITERATIONS, HANDLERS], ids=["calls", "iterated", "played"])
def test_items_per_second(
    benchmark: BenchmarkFixture, table: list[str], subjects: dict[str, HandOver], capacity: int
) -> None:
    count = ITEMS[capacity]
    figures: dict[str, list[float]] = {name: [] for name in subjects}

    def everybody_once() -> None:
        for name, hand_over in subjects.items():
            figures[name].append(count / cpu_s(hand_over, capacity, count))

    benchmark.pedantic(everybody_once, rounds=ROUNDS, warmup_rounds=1)
    medians = {name: statistics.median(seen) for name, seen in figures.items()}
    base = next(iter(medians.values()))
    benchmark.extra_info["items per second"] = medians
    shown = ", ".join(f"{name} {rate:,.0f} ({base / rate:.2f}x)" for name, rate in medians.items())
    for name, hand in BY_HAND.items():
        if name in medians:
            shown += f"; {name} {medians[hand] / medians[name]:.2f}x of {hand}"
    table.append(f"capacity {capacity}, items per second of cpu: {shown}")
