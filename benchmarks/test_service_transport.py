"""Batches through the stream transport: what the face costs. Against the bare stream beneath it, which holds as many
batches and knows nothing of their size; and against the bare stream with the same done by hand. Figures, never gates.

As in `test_handoff_threads.py`, a hand-off has two speeds, so every round runs all subjects in turn, and medians come
with their quartiles.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

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
OBJECT = {"text": "x" * (BATCH_BYTES - len('{"text":""}'))}
LEAST_WEIGHT_BYTES = 64
HELD = 1_000  # batches, of which each stream's memory is measured

BARE = "the bare stream"

T = TypeVar("T")
Written = tuple[T, object, int]  # a response, what it is on a wire, and its octets
Write = Callable[[T], Written[T]]

# Kept, for `json.dumps` with these arguments makes one each time. The text is what the transport writes.
_to_json: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def octets(response: bytes) -> Written[bytes]:
    return response, None, len(response)


def as_json(response: Any) -> Written[Any]:
    text = _to_json(response)
    return response, text, len(text) if text.isascii() else len(text.encode())


class Counted(Generic[T]):
    """What a user writes first: each response is written and weighed, and the bound is the bare stream's, in items."""

    def __init__(self, capacity: int, write: Write[T]) -> None:
        self._stream: Stream[Written[T]] = Stream(capacity)
        self._write = write
        self.complete = self._stream.complete
        self.received_bytes = 0

    def send(self, response: T) -> None:
        self._stream.send(self._write(response))

    def receive(self) -> T | None:
        item = self._stream.receive()
        if item is END:
            return None
        self.received_bytes += item[2]
        return item[0]


class Bounded(Generic[T]):
    """What he writes to have the transport's bound: who sends waits while as many octets are held. It is as short as it
    can be: nothing but room ends a wait, no timeout and no cancel, and those who wait have no order."""

    def __init__(self, most_bytes: int, most_items: int, write: Write[T]) -> None:
        self._stream: Stream[Written[T]] = Stream(most_items)
        self._most_bytes = most_bytes
        self._write = write
        self._room = threading.Condition(threading.Lock())
        self._held_bytes = 0
        self.complete = self._stream.complete

    def send(self, response: T) -> None:
        item = self._write(response)
        with self._room:
            while self._held_bytes >= self._most_bytes:
                self._room.wait()
            self._held_bytes += item[2]
        self._stream.send(item)

    def receive(self) -> T | None:
        item = self._stream.receive()
        if item is END:
            return None
        with self._room:
            self._held_bytes -= item[2]
            self._room.notify()
        return item[0]


def bare(capacity: int, count: int) -> int:
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


def by_hand(stream: Counted[Any] | Bounded[Any], response: Any, count: int) -> int:
    def produce() -> None:
        for _ in range(count):
            stream.send(response)
        stream.complete()

    producer = threading.Thread(target=produce)
    producer.start()
    got = 0
    while stream.receive() is not None:
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


def bounded(capacity: int, write: Any) -> Bounded[Any]:
    most_bytes = capacity * BATCH_BYTES
    return Bounded(most_bytes, most_bytes // LEAST_WEIGHT_BYTES + 1, write)


@pytest.mark.parametrize("capacity", ITEMS)
def test_batches_from_a_handler_to_its_consumer(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], capacity: int
) -> None:
    count = ITEMS[capacity]
    faces = {"octets": Transport(capacity, BATCH), "JSON": Transport(capacity, OBJECT)}
    # Each with what it is measured against beside the bare stream.
    subjects: dict[str, tuple[str, Callable[[], int]]] = {
        BARE: (BARE, lambda: bare(capacity, count)),
        "octets, counted by hand": (BARE, lambda: by_hand(Counted(capacity, octets), BATCH, count)),
        "octets, bounded by hand": (BARE, lambda: by_hand(bounded(capacity, octets), BATCH, count)),
        "octets, transport": ("octets, bounded by hand", lambda: faces["octets"](count)),
        "JSON, counted by hand": (BARE, lambda: by_hand(Counted(capacity, as_json), OBJECT, count)),
        "JSON, bounded by hand": (BARE, lambda: by_hand(bounded(capacity, as_json), OBJECT, count)),
        "JSON, transport": ("JSON, bounded by hand", lambda: faces["JSON"](count)),
    }
    times_s: dict[str, list[float]] = {name: [] for name in subjects}

    def all_in_turn() -> None:
        for name, (_, subject) in subjects.items():
            gc.collect()
            began_s = time.perf_counter()
            assert subject() == count
            times_s[name].append((time.perf_counter() - began_s) / count)

    benchmark.pedantic(all_in_turn, rounds=ROUNDS, warmup_rounds=1)
    for transport in faces.values():
        assert transport.service.close()
    medians = {name: statistics.median(measured) for name, measured in times_s.items()}
    rows = [f"room for {capacity:<15} {'ns a batch':>10} {'quartiles':^15} {'x bare':>7} {'x by hand':>9}"]
    for name, (other, _) in subjects.items():
        low, middle, high = (value * 1e9 for value in statistics.quantiles(times_s[name], n=4))
        x_bare, x_hand = medians[name] / medians[BARE], medians[name] / medians[other]
        benchmark.extra_info[name] = {"batches_per_s": round(1e9 / middle), "x_bare": x_bare, "x_by_hand": x_hand}
        shown = f"{x_hand:>9.2f}" if other != BARE else ""
        rows.append(f"{name:<24} {middle:>10,.0f} [{low:>6,.0f}-{high:>6,.0f}] {x_bare:>7.2f} {shown}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")


def test_memory_of_batches_that_are_held(table: list[str]) -> None:
    """Beside their octets, which are the same ones each time. The transport's is with all that a request is."""
    service = StreamTransportService()

    def handle(_request: Any, channel: Any, _task: Any) -> None:
        for _ in range(HELD):
            channel.send_response_batch(BATCH)
        channel.complete_stream()

    def by_the_bare_stream() -> object:
        stream: Stream[bytes] = Stream(HELD)
        for _ in range(HELD):
            stream.send(BATCH)
        return stream

    def by_hand_bounded() -> object:
        stream = bounded(2 * HELD, octets)
        for _ in range(HELD):
            stream.send(BATCH)
        return stream

    def by_the_transport() -> object:
        response = service.send_request("fill")
        while service.tasks():
            time.sleep(0.001)
        return response

    with service:
        service.register_request_handler("fill", ThreadPool.Names.SEARCH, lambda _: None, handle)
        for make in (by_the_bare_stream, by_hand_bounded, by_the_transport):
            make()  # what is made once is made
            table.append(f"{make.__name__}: {traced(make) / HELD:,.0f} bytes a batch, of {HELD:,} in a stream")


def traced(make: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        assert made is not None
        return held
    finally:
        tracemalloc.stop()
