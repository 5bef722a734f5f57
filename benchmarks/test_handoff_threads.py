"""From one thread to another: the fast stream against the standard library's queues. Figures, never gates.

A hand-off has two speeds, by which thread has the interpreter when the other wakes, and they differ by several times.
So every round runs all subjects in turn, and medians come with their quartiles. `CPU` is per second of processor time,
which says more when the machine is shared.
"""

from __future__ import annotations

import gc
import queue
import statistics
import sys
import threading
import time
import tracemalloc
from _thread import allocate_lock
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 21
ITEMS = {1: 3_000, 16: 30_000, 100: 100_000, 1024: 200_000}

Ends = tuple["Callable[[], object]", "Callable[[], int]"]  # what produces; what consumes, and says what came last


def by_queue(made: Any, count: int) -> Ends:
    def produce() -> None:
        put = made.put
        for n in range(count):
            put(n)
        put(None)

    def consume() -> int:
        get, last = made.get, -1
        while (item := get()) is not None:
            last = item
        return last

    return produce, consume


def sending(stream: Stream[int], count: int) -> Callable[[], None]:
    def produce() -> None:
        send = stream.send
        for n in range(count):
            send(n)
        stream.complete()

    return produce


def by_receive(stream: Stream[int], count: int) -> Ends:
    def consume() -> int:
        receive, end, last = stream.receive, END, -1
        while (item := receive()) is not end:
            last = item
        return last

    return sending(stream, count), consume


def by_for(stream: Stream[int], count: int) -> Ends:
    def consume() -> int:
        last = -1
        for last in stream:  # noqa: B007 -- which is looked at
            pass
        return last

    return sending(stream, count), consume


def by_batches(stream: Stream[int], count: int) -> Ends:
    items = list(range(count))

    def produce() -> None:
        stream.send_batch(items)
        stream.complete()

    def consume() -> int:
        last = -1
        while batch := stream.receive_batch():
            for last in batch:  # noqa: B007
                pass
        return last

    return produce, consume


SUBJECTS: dict[str, Callable[[int, int], Ends]] = {
    "queue.Queue": lambda capacity, count: by_queue(queue.Queue(capacity), count),
    "Stream, receive": lambda capacity, count: by_receive(Stream(capacity), count),
    "Stream, for": lambda capacity, count: by_for(Stream(capacity), count),
    "Stream, batches": lambda capacity, count: by_batches(Stream(capacity), count),
    "SimpleQueue (no bound)": lambda _, count: by_queue(queue.SimpleQueue(), count),
}


def handed_over(ends: Ends, count: int) -> tuple[float, float]:
    """Items per second, by the clock and by the processor."""
    produce, consume = ends
    producer = threading.Thread(target=produce)
    began_s, worked_s = time.perf_counter(), time.process_time()
    producer.start()
    assert consume() == count - 1
    producer.join()
    return count / (time.perf_counter() - began_s), count / (time.process_time() - worked_s)


def show(capsys: pytest.CaptureFixture[str], rows: Iterable[str]) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize("capacity", ITEMS)
def test_items_from_one_thread_to_another(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], capacity: int
) -> None:
    speeds: dict[str, list[tuple[float, float]]] = {
        name: [] for name in SUBJECTS
    }  # the first round, too: it is no better

    def all_in_turn() -> None:
        for name, subject in SUBJECTS.items():
            gc.collect()
            speeds[name].append(handed_over(subject(capacity, ITEMS[capacity]), ITEMS[capacity]))

    benchmark.pedantic(all_in_turn, rounds=ROUNDS, warmup_rounds=1)
    rows = [f"capacity {capacity:<15} {'items/s':>8}  {'quartiles':^15} {'x Queue':>8} {'CPU':>8} {'x Queue':>8}"]
    peer, peer_cpu = (statistics.median(both) for both in zip(*speeds["queue.Queue"], strict=True))
    for name, measured in speeds.items():
        low, middle, high = statistics.quantiles([speed for speed, _ in measured], n=4)
        cpu = statistics.median(speed for _, speed in measured)
        benchmark.extra_info[name] = {
            "items_per_s": round(middle),
            "quartiles": [round(low), round(high)],
            "x_queue": round(middle / peer, 2),
            "items_per_cpu_s": round(cpu),
            "x_queue_cpu": round(cpu / peer_cpu, 2),
        }
        rows.append(
            f"{name:<24} {middle / 1e3:>7.0f}k [{low / 1e3:>6.0f}-{high / 1e3:>6.0f}] {middle / peer:>8.2f}"
            f" {cpu / 1e3:>7.0f}k {cpu / peer_cpu:>8.2f}"
        )
    show(capsys, rows)


def bytes_each(make: Callable[[], object], count: int = 10_000) -> float:
    kept: list[object] = [None] * count
    make()
    gc.collect()
    tracemalloc.start()
    before_bytes, _ = tracemalloc.get_traced_memory()
    for n in range(count):
        kept[n] = make()
    after_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after_bytes - before_bytes) / count


MAKERS: dict[str, Callable[[], object]] = {
    "Stream": lambda: Stream(1024),
    "queue.Queue": lambda: queue.Queue(1024),
    "SimpleQueue": queue.SimpleQueue,
}


@pytest.mark.parametrize("name", MAKERS)
def test_making_one(benchmark: BenchmarkFixture, name: str) -> None:
    """Also what one weighs that nobody has used yet."""
    benchmark.extra_info["bytes_each"] = round(bytes_each(MAKERS[name]))
    benchmark(MAKERS[name])


def until_awake_s(park: Callable[[Callable[[], None]], object], wake: Callable[[], object]) -> float:
    """From calling `wake` to the first step of the thread that had parked."""
    awake_at_s: list[float] = []
    parks = threading.Event()

    def wait() -> None:
        park(parks.set)
        awake_at_s.append(time.perf_counter())

    waiting = threading.Thread(target=wait)
    waiting.start()
    parks.wait()
    time.sleep(0.001)  # and now it has reached the system's own wait
    began_s = time.perf_counter()
    wake()
    waiting.join()
    return awake_at_s[0] - began_s


def by_cancel() -> float:
    stream: Stream[int] = Stream(0)

    def park(parks: Callable[[], None]) -> None:
        parks()
        with pytest.raises(StreamError):
            stream.send(1)

    return until_awake_s(park, stream.cancel)


def by_a_lock() -> float:
    lock = allocate_lock()
    lock.acquire()

    def park(parks: Callable[[], None]) -> None:
        parks()
        lock.acquire()

    return until_awake_s(park, lock.release)


def test_from_cancel_to_the_parked_sender_awake(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the release of a bare lock, below which nothing can be."""
    measured_s: dict[str, list[float]] = {"cancel": [], "a bare lock": []}

    def both_in_turn() -> None:
        measured_s["cancel"].append(by_cancel())
        measured_s["a bare lock"].append(by_a_lock())

    benchmark.pedantic(both_in_turn, rounds=500, warmup_rounds=5)
    rows = []
    for name, times_s in measured_s.items():
        cuts_s = statistics.quantiles(times_s, n=100)
        benchmark.extra_info[name] = {"p50_us": round(cuts_s[49] * 1e6, 1), "p99_us": round(cuts_s[98] * 1e6, 1)}
        rows.append(f"{name:<12} p50 {cuts_s[49] * 1e6:6.1f} us  p99 {cuts_s[98] * 1e6:6.1f} us")
    show(capsys, rows)
