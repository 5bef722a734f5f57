"""gRPC patterns against what lies beneath each: the hub and the buffered producer against bare streams, and the
services on the wire against a handler of gRPC's own that writes octets.

The peers take turns in every round, so that whatever else the machine does falls on all of them. On the wire grpcio is
most of the cost. Figures, never gates.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from streamspec.reference_impl.services.patterns import messages, server
from streamspec.reference_impl.services.patterns.calling import ServerStream, stream_with_backpressure
from streamspec.reference_impl.services.patterns.client import StreamServiceStub, upload_items
from streamspec.reference_impl.services.patterns.hub import Hub
from streamspec.reference_impl.services.patterns.model import Item, ListItemsRequest
from streamspec.reference_impl.services.patterns.service import StreamService
from streamspec.reference_impl.services.patterns.store import ItemStore
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.told import Told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
ITEMS = 5_000
MEMBERS = 5
LISTED = "/bare.Bare/ListItems"

Seconds = dict[str, list[float]]


async def bare_streams() -> None:
    """A producer, a buffer of 100, and a second stream behind it: what the pattern is made of."""
    first: Stream[int] = Stream(100)
    second: Stream[bytes] = Stream(16)

    async def hand_on() -> None:
        async for item in first:
            await second.send(bytes(item))
        second.complete()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first.feed([1] * ITEMS))
        tasks.create_task(hand_on())
        assert len([item async for item in second]) == ITEMS


async def buffered() -> None:
    outward: Stream[bytes] = Stream(16)
    stream: ServerStream[Any, int] = ServerStream(Stream(1), outward, bytes, Told())

    async def play() -> None:
        await stream_with_backpressure(stream, [1] * ITEMS)
        outward.complete()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(play())
        assert len([item async for item in outward]) == ITEMS


async def bare_fan_out() -> None:
    streams: list[Stream[int]] = [Stream(100) for _ in range(MEMBERS)]

    async def say() -> None:
        for n in range(ITEMS):
            for stream in streams:
                await stream.send(n)
        for stream in streams:
            stream.complete()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(say())
        for stream in streams:
            tasks.create_task(_drained(stream))


async def hub() -> None:
    chat: Hub[int] = Hub()
    with contextlib.ExitStack() as stack:
        members = [stack.enter_context(chat.subscribed()) for _ in range(MEMBERS)]

        async def say() -> None:
            for n in range(ITEMS):
                await chat.broadcast(n)
            for member in members:
                chat.unsubscribe(member)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say())
            for member in members:
                tasks.create_task(_drained(member.inbox))


async def _drained(stream: Stream[int]) -> None:
    assert len([item async for item in stream]) == ITEMS


def report(benchmark: BenchmarkFixture, table: list[str], title: str, seconds: Seconds) -> None:
    """Items per second, and how much more the others cost than the first."""
    medians = {name: statistics.median(seen) for name, seen in seconds.items()}
    base = next(iter(medians.values()))
    benchmark.extra_info[title] = {
        name: {"items/s": ITEMS / median, "cost": median / base} for name, median in medians.items()
    }
    shown = ", ".join(f"{name} {ITEMS / value:,.0f}/s ({value / base:.2f}x)" for name, value in medians.items())
    table.append(f"{title}: {shown}")


@pytest.mark.parametrize(("base", "face"), [(bare_streams, buffered), (bare_fan_out, hub)])
def test_in_process(
    benchmark: BenchmarkFixture,
    table: list[str],
    base: Callable[[], Awaitable[None]],
    face: Callable[[], Awaitable[None]],
) -> None:
    seconds: Seconds = {base.__name__: [], face.__name__: []}

    async def timed(story: Callable[[], Awaitable[None]]) -> None:
        begun = time.process_time()
        await story()
        seconds[story.__name__].append(time.process_time() - begun)

    def everybody_once() -> None:
        for story in (base, face):
            asyncio.run(timed(story))

    benchmark.pedantic(everybody_once, rounds=ROUNDS, warmup_rounds=1)
    report(benchmark, table, face.__name__, seconds)


def test_on_the_wire(benchmark: BenchmarkFixture, table: list[str]) -> None:
    """A handler that knows nothing but the octets; the services; the same client for both."""
    seconds: Seconds = {"grpc.aio alone": [], "ListItems": [], "UploadItems": []}
    items = [Item(name=f"item {n}", data=bytes(100)) for n in range(ITEMS)]
    octets = messages.codec().encoder(Item)(items[0])

    async def bare(_: object, context: Any) -> None:
        for _n in range(ITEMS):
            await context.write(octets)

    async def timed(name: str, story: Callable[[], Awaitable[None]]) -> None:
        begun = time.perf_counter()
        await story()
        seconds[name].append(time.perf_counter() - begun)

    async def whole() -> None:
        alone = grpc.aio.server()
        handlers: Any = {"ListItems": grpc.unary_stream_rpc_method_handler(bare)}
        alone.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare.Bare", handlers),))
        port = alone.add_insecure_port("127.0.0.1:0")
        await alone.start()
        with contextlib.closing(ItemStore()) as store:
            async with (
                server.serving(StreamService(store)) as served,
                grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel,
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as other,
            ):
                await store.bulk_create(items)
                stub = StreamServiceStub(channel)
                decode = messages.codec().decoder(Item)
                call: Any = other.unary_stream(LISTED, response_deserializer=decode)

                async def listed(call: Any) -> None:
                    count = 0
                    while (await call.read()) is not grpc.aio.EOF:
                        count += 1
                    assert count >= ITEMS

                async def uploaded() -> None:
                    assert (await upload_items(stub, items)).item_count == ITEMS

                await timed("grpc.aio alone", lambda: listed(call(b"")))
                await timed("ListItems", lambda: listed(stub.ListItems(ListItemsRequest())))
                await timed("UploadItems", uploaded)
        await alone.stop(None)

    benchmark.pedantic(lambda: asyncio.run(whole()), rounds=ROUNDS, warmup_rounds=1)
    report(benchmark, table, "on the wire, server and client in one loop", seconds)
