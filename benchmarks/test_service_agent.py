"""The agent's request queue against what lies beneath it: chunks a second through a queue and its worker, against a
bare stream for threads with the same bound, and requests of one chunk, which cost a place in the queue each.

The subjects take turns in every round, so that whatever else the machine does falls on all of them. Never gates.
"""

from __future__ import annotations

import gc
import itertools
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.services.agent.generating import chunks_of
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.ports import GenerationRequest, StreamChunk
from streamspec.reference_impl.services.agent.request_queue import RequestQueue
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 15
CHUNKS = 20_000
REQUESTS = 200
LIMITS = QueueConfig()
TIMELESS = QueueConfig(idle_s=None, deadline_s=None, queue_timeout_s=None)
REQUEST = GenerationRequest("", max_tokens=CHUNKS)


class Repeating:
    """A model that costs nothing."""

    name = "repeating"
    context_tokens = 10**9

    def count(self, text: str) -> int:
        return len(text)

    def tokens(self, prompt: str) -> Iterator[str]:
        return itertools.repeat("word ")


def counted(stream: Iterable[StreamChunk], count: int) -> None:
    assert sum(chunk.token_count for chunk in stream) == count


def bare(stream: Stream[StreamChunk], chunks: Iterable[StreamChunk]) -> None:
    def produce() -> None:
        for chunk in chunks:
            stream.send(chunk)
        stream.complete()

    producer = threading.Thread(target=produce)
    producer.start()
    counted(stream, CHUNKS)
    producer.join()


def timed_stream() -> Stream[StreamChunk]:
    return Stream(LIMITS.most_chunks, deadline_s=LIMITS.deadline_s, idle_s=LIMITS.idle_s)


def made() -> Iterator[StreamChunk]:
    return chunks_of(itertools.repeat("word "), CHUNKS, "MaxTokens", ())


def small(queue: RequestQueue) -> None:
    for _ in range(REQUESTS):
        counted(queue.submit_streaming_request(GenerationRequest("", max_tokens=1)), 1)


@pytest.fixture(scope="module")
def subjects() -> Iterator[dict[str, tuple[int, Callable[[], object]]]]:
    ready = [StreamChunk("word ")] * CHUNKS
    timeless, limited = RequestQueue(Repeating(), TIMELESS), RequestQueue(Repeating(), LIMITS)
    stopping = GenerationRequest("", max_tokens=CHUNKS, stop=("STOP", "rd!"))
    yield {
        "bare stream, of chunks that are there": (CHUNKS, lambda: bare(Stream(LIMITS.most_chunks), ready)),
        "bare stream": (CHUNKS, lambda: bare(Stream(LIMITS.most_chunks), made())),
        "queue": (CHUNKS, lambda: counted(timeless.submit_streaming_request(REQUEST), CHUNKS)),
        "bare stream, with time limits": (CHUNKS, lambda: bare(timed_stream(), made())),
        "queue, with time limits": (CHUNKS, lambda: counted(limited.submit_streaming_request(REQUEST), CHUNKS)),
        "queue, with stop texts": (CHUNKS, lambda: counted(timeless.submit_streaming_request(stopping), CHUNKS)),
        "queue, a batch": (CHUNKS, lambda: timeless.submit_request(REQUEST)),
        "queue, requests of one chunk": (REQUESTS, lambda: small(timeless)),
    }
    for queue in (timeless, limited):
        queue.shutdown()


def test_chunks_a_second(
    benchmark: BenchmarkFixture,
    subjects: dict[str, tuple[int, Callable[[], object]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures: dict[str, list[float]] = {name: [] for name in subjects}

    def everybody_once() -> None:
        for name, (count, subject) in subjects.items():
            gc.collect()
            begun_s = time.perf_counter()
            subject()
            figures[name].append(count / (time.perf_counter() - begun_s))

    benchmark.pedantic(everybody_once, rounds=ROUNDS, warmup_rounds=1)
    medians = {name: statistics.median(seen) for name, seen in figures.items()}
    benchmark.extra_info["a second"] = medians
    base = medians["bare stream"]
    with capsys.disabled():
        for name, median in medians.items():
            sys.stdout.write(f"\n{name}: {median:,.0f} a second ({base / median:.2f} times the bare stream's time)")
        sys.stdout.write("\n")
