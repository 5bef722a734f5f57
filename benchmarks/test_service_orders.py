"""The orders service against what lies beneath it, in process: orders a second through the export, the events and the
array, against the reference's own stream of typed records and a bare `Stream`.

The subjects take turns in every round, so that whatever else the machine does falls on all of them. Never gates.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.services.orders.application import application
from streamspec.reference_impl.services.orders.desk import Desk
from streamspec.reference_impl.services.orders.order import Change
from streamspec.reference_impl.services.orders.store import Database
from streamspec.reference_impl.stream.aio import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 15
ITEMS = 10_000
DRAFT = Change("PROCESSING", 9995, "")


async def bare() -> None:
    """Texts as long as an order's."""
    stream: Stream[str] = Stream()
    text = '{"id":"order-1","status":"PROCESSING","total":99.95}'

    async def produce() -> None:
        for _ in range(ITEMS):
            await stream.send(text)
        stream.complete()

    async def consume() -> None:
        async for item in stream:
            assert item is text

    await asyncio.gather(produce(), consume())


async def shown(app: Any, path: str, query: str) -> int:
    """The octets of a whole answer."""
    count = 0
    never = asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        nonlocal count
        count += len(message.get("body", b""))

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
    await app(scope, receive, send)
    return count


@pytest.fixture(scope="module")
def subjects() -> Iterator[dict[str, Callable[[], Awaitable[object]]]]:
    reference = App(ROLES)
    with closing(Desk(Database())) as desk:
        for _ in range(ITEMS):
            desk.store.create(DRAFT)
        orders = application(desk)
        asked = f"limit={ITEMS}"
        yield {
            "the reference's records": lambda: shown(reference, "/guide/finite", f"n={ITEMS}"),
            "bare stream": bare,
            "orders, typed": lambda: shown(orders, "/v1/orders/stream", asked),
            "orders, flat": lambda: shown(orders, "/v1/orders/stream", f"{asked}&records=flat"),
            "orders, batches of 1000": lambda: shown(orders, "/v1/orders/stream", f"{asked}&batch_size=1000"),
            "orders, array": lambda: shown(orders, "/v1/orders/export", asked),
            "orders, events": lambda: shown(orders, "/v1/orders/events", f"{asked}&after=0"),
        }


def test_orders_a_second(
    benchmark: BenchmarkFixture,
    subjects: dict[str, Callable[[], Awaitable[object]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures: dict[str, list[float]] = {name: [] for name in subjects}

    def everybody_once() -> None:
        for name, subject in subjects.items():
            gc.collect()

            async def timed(subject: Callable[[], Awaitable[object]] = subject) -> float:
                begun = time.perf_counter()
                await subject()
                return time.perf_counter() - begun

            figures[name].append(ITEMS / asyncio.run(timed()))

    benchmark.pedantic(everybody_once, rounds=ROUNDS, warmup_rounds=1)
    medians = {name: statistics.median(seen) for name, seen in figures.items()}
    base = medians["the reference's records"]
    benchmark.extra_info["items a second"] = medians
    with capsys.disabled():
        for name, median in medians.items():
            sys.stdout.write(f"\n{name}: {median:,.0f} a second ({base / median:.2f} times the reference's time)")
        sys.stdout.write("\n")
