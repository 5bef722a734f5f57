"""Batches through the stream transport against the bare stream beneath it: what the face costs. Figures, never gates.

As in `test_handoff_threads.py`, a hand-off has two speeds, so every round runs all subjects in turn, and medians come
with their quartiles. Both sides may hold as many batches.
"""

from __future__ import annotations

import gc
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.services.transport import Pool, Settings, StreamTransportService, ThreadPool
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 11
BATCH_BYTES = 1_024
ITEMS = {16: 10_000, 1_024: 50_000}
BATCH = b"x" * BATCH_BYTES


def through_a_stream(capacity: int, count: int) -> int:
    stream: Stream[bytes] = Stream(capacity)

    def produce() -> None:
        for _ in range(count):
            stream.send(BATCH)
        stream.complete()

    producer = threading.Thread(target=produce)
    producer.start()
    got = 0
    while stream.receive() is not END:
        got += 1
    producer.join()
    return got


class Transport:
    """A service at work; its pool has its thread already."""

    def __init__(self, capacity: int, response: Any) -> None:
        pools = ThreadPool({ThreadPool.Names.SEARCH: Pool(1, 1)})
        self.service = StreamTransportService(pools, Settings(watermark_bytes=capacity * BATCH_BYTES))
        self.service.register_request_handler("dump", ThreadPool.Names.SEARCH, int, self.dump)
        self.response = response

    def dump(self, count: int, channel: Any, _task: Any) -> None:
        for _ in range(count):
            channel.send_response_batch(self.response)
        channel.complete_stream()

    def __call__(self, count: int) -> int:
        got = 0
        with self.service.send_request("dump", count) as response:
            while response.next_response() is not None:
                got += 1
        return got


@pytest.mark.parametrize("capacity", ITEMS)
def test_batches_from_a_handler_to_its_consumer(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], capacity: int
) -> None:
    count = ITEMS[capacity]
    octets, objects = Transport(capacity, BATCH), Transport(capacity, {"text": "x" * BATCH_BYTES})
    subjects = {
        "the bare stream": lambda: through_a_stream(capacity, count),
        "transport, octets": lambda: octets(count),
        "transport, JSON": lambda: objects(count),
    }
    speeds: dict[str, list[float]] = {name: [] for name in subjects}

    def all_in_turn() -> None:
        for name, subject in subjects.items():
            gc.collect()
            began_s = time.perf_counter()
            assert subject() == count
            speeds[name].append(count / (time.perf_counter() - began_s))

    benchmark.pedantic(all_in_turn, rounds=ROUNDS, warmup_rounds=1)
    for transport in (octets, objects):
        assert transport.service.close()
    bare = statistics.median(speeds["the bare stream"])
    rows = [f"capacity {capacity:<12} {'batches/s':>10}  {'quartiles':^15} {'x stream':>9}"]
    for name, measured in speeds.items():
        low, middle, high = statistics.quantiles(measured, n=4)
        benchmark.extra_info[name] = {"batches_per_s": round(middle), "x_stream": round(middle / bare, 2)}
        rows.append(f"{name:<21} {middle / 1e3:>9.0f}k [{low / 1e3:>6.0f}-{high / 1e3:>6.0f}] {middle / bare:>9.2f}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")
