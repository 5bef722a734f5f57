"""The fast asyncio stream against `asyncio.Queue` and anyio's memory object stream: one producer task, one consumer.

The peers take turns in every round, so that whatever else the machine does falls on all of them, and ratios are of
medians. `cpu` is what the process itself has used and bears a busy machine; `wall` does not. Figures, never gates.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import StreamError

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 25
ITEMS = {1: 2_000, 16: 10_000, 100: 20_000, 1024: 40_000}  # by capacity
CREATED = 2_000
IDLE = 5_000
CANCELLED = 200  # samples in a round

HandOver = Callable[[int, int], Awaitable[None]]
Seconds = tuple[float, float]  # cpu, wall


async def queue_items(capacity: int, count: int) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(capacity)

    async def produce() -> None:
        for n in range(count):
            await queue.put(n)

    async def consume() -> None:
        for _ in range(count):
            item = await queue.get()
        assert item == count - 1

    await asyncio.gather(produce(), consume())


async def anyio_items(capacity: int, count: int) -> None:
    sending, receiving = anyio.create_memory_object_stream[int](capacity)

    async def produce() -> None:
        with sending:
            for n in range(count):
                await sending.send(n)

    async def consume() -> None:
        with receiving:
            for _ in range(count):
                item = await receiving.receive()
        assert item == count - 1

    await asyncio.gather(produce(), consume())


async def stream_items(capacity: int, count: int) -> None:
    stream: Stream[int] = Stream(capacity)

    async def produce() -> None:
        for n in range(count):
            await stream.send(n)

    async def consume() -> None:
        for _ in range(count):
            item = await stream.receive()
        assert item == count - 1

    await asyncio.gather(produce(), consume())


async def stream_iterated(capacity: int, count: int) -> None:
    stream: Stream[int] = Stream(capacity)

    async def produce() -> None:
        for n in range(count):
            await stream.send(n)
        stream.complete()

    async def consume() -> None:
        async for item in stream:
            last = item
        assert last == count - 1

    await asyncio.gather(produce(), consume())


async def stream_batches(capacity: int, count: int) -> None:
    """Both sides in batches as long as the capacity; the consumer looks at each item."""
    stream: Stream[int] = Stream(capacity)

    async def produce() -> None:
        for n in range(0, count, capacity):
            await stream.send_batch(range(n, min(n + capacity, count)))
        stream.complete()

    async def consume() -> None:
        while batch := await stream.receive_batch():
            for item in batch:
                last = item
        assert last == count - 1

    await asyncio.gather(produce(), consume())


HAND_OVERS: dict[str, HandOver] = {
    "asyncio.Queue": queue_items,
    "anyio": anyio_items,
    "stream": stream_items,
    "stream, async for": stream_iterated,
    "stream, batches": stream_batches,
}


async def bare_cancel() -> float:
    """The floor: a task that waits for a future, cancelled."""
    waited_for = asyncio.get_running_loop().create_future()

    async def wait() -> None:
        await waited_for

    task = asyncio.create_task(woken(wait, asyncio.CancelledError))
    return await delay(task, task.cancel)


async def queue_cancel() -> float:
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    queue.put_nowait(0)
    task = asyncio.create_task(woken(lambda: queue.put(1), asyncio.CancelledError))
    return await delay(task, task.cancel)


async def anyio_close() -> float:
    sending, receiving = anyio.create_memory_object_stream[int](1)
    sending.send_nowait(0)
    with sending:
        return await delay(
            asyncio.create_task(woken(lambda: sending.send(1), anyio.BrokenResourceError)), receiving.close
        )


async def stream_cancel() -> float:
    stream: Stream[int] = Stream(1)
    await stream.send(0)
    return await delay(asyncio.create_task(woken(lambda: stream.send(1), StreamError)), stream.cancel)


async def woken(wait: Callable[[], Awaitable[Any]], by: type[BaseException]) -> float:
    """When this task ran on with the exception."""
    try:
        await wait()
    except by:
        return time.perf_counter()
    raise AssertionError("nobody has cancelled it")


async def delay(parked: asyncio.Task[float], cancel: Callable[[], object]) -> float:
    for _ in range(3):
        await asyncio.sleep(0)
    begun = time.perf_counter()
    cancel()
    return await parked - begun


CANCELS: dict[str, Callable[[], Awaitable[float]]] = {
    "bare task.cancel()": bare_cancel,
    "asyncio.Queue, task.cancel()": queue_cancel,
    "anyio, receiver closed": anyio_close,
    "stream.cancel()": stream_cancel,
}


def close_none(made: object) -> None:
    pass


def close_both(made: Any) -> None:
    for end in made:
        end.close()


MAKERS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "asyncio.Queue": (lambda: asyncio.Queue(16), close_none),
    "anyio": (lambda: anyio.create_memory_object_stream[int](16), close_both),
    "stream": (Stream, close_none),
}


def timed(hand_over: HandOver, capacity: int, count: int) -> Seconds:
    async def timing() -> Seconds:
        cpu, wall = time.process_time(), time.perf_counter()
        await hand_over(capacity, count)
        return time.process_time() - cpu, time.perf_counter() - wall

    gc.collect()
    return asyncio.run(timing())


def report(benchmark: BenchmarkFixture, table: list[str], title: str, figures: dict[str, list[float]]) -> None:
    """Medians and ratios; the first subject is the base."""
    medians = {name: statistics.median(seen) for name, seen in figures.items()}
    base = next(iter(medians.values()))
    benchmark.extra_info[title] = {
        name: {"median": median, "base over this": base / median} for name, median in medians.items()
    }
    shown = ", ".join(f"{name} {value:,.0f} ({base / value:.2f}x)" for name, value in medians.items())
    table.append(f"{title}: {shown}")


@pytest.mark.parametrize("capacity", ITEMS)
def test_hand_over(benchmark: BenchmarkFixture, table: list[str], capacity: int) -> None:
    count = ITEMS[capacity]
    cpu: dict[str, list[float]] = {name: [] for name in HAND_OVERS}
    wall: dict[str, list[float]] = {name: [] for name in HAND_OVERS}

    def everybody_once() -> None:
        for name, hand_over in HAND_OVERS.items():
            cpu_s, wall_s = timed(hand_over, capacity, count)
            cpu[name].append(cpu_s / count * 1e9)
            wall[name].append(wall_s / count * 1e9)

    benchmark.pedantic(everybody_once, rounds=ROUNDS, warmup_rounds=1)
    report(benchmark, table, f"capacity {capacity}, ns an item, cpu", cpu)
    report(benchmark, table, f"capacity {capacity}, ns an item, wall", wall)


def test_creation(benchmark: BenchmarkFixture, table: list[str]) -> None:
    figures: dict[str, list[float]] = {name: [] for name in MAKERS}

    def everybody_once() -> None:
        for name, (make, close) in MAKERS.items():
            made = [None] * CREATED
            begun = time.process_time()
            for n in range(CREATED):
                made[n] = make()
            figures[name].append((time.process_time() - begun) / CREATED * 1e9)
            for one in made:
                close(one)

    benchmark.pedantic(everybody_once, rounds=ROUNDS, warmup_rounds=1)
    report(benchmark, table, "creation, ns, cpu", figures)


def test_bytes_of_an_idle_one(benchmark: BenchmarkFixture, table: list[str]) -> None:
    """All told: what was allocated for many and is still there, by the one."""

    def idle_bytes(make: Callable[[], Any], close: Callable[[Any], None]) -> float:
        made: list[Any] = [None] * IDLE
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for n in range(IDLE):
            made[n] = make()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for one in made:
            close(one)
        return (after - before) / IDLE

    figures = benchmark.pedantic(
        lambda: {name: [idle_bytes(make, close)] for name, (make, close) in MAKERS.items()}, rounds=1
    )
    report(benchmark, table, "bytes when idle", figures)


def test_cancel_to_the_parked_sender_awake(benchmark: BenchmarkFixture, table: list[str]) -> None:
    figures: dict[str, list[float]] = {name: [] for name in CANCELS}

    async def everybody_in_turn() -> None:
        for _ in range(CANCELLED):
            for name, cancel in CANCELS.items():
                figures[name].append(await cancel() * 1e9)

    benchmark.pedantic(lambda: asyncio.run(everybody_in_turn()), rounds=ROUNDS, warmup_rounds=1)
    report(benchmark, table, "cancel to awake, ns, p50", figures)
    tails = {name: [statistics.quantiles(seen, n=100)[98]] for name, seen in figures.items()}
    report(benchmark, table, "cancel to awake, ns, p99", tails)
