"""What tests of the agent share: models that are chosen by their prompt, a queue that is empty when a test is over, and
what a stream ended with.

Never here: what a queue should do.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.line import Lengths
from streamspec.reference_impl.services.agent.ports import GenerationRequest, StreamChunk
from streamspec.reference_impl.services.agent.request_queue import RequestQueue
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.reference_impl.services.agent.models import Scripted
    from streamspec.reference_impl.stream.threads import Stream

LONGEST_S: Final = 10.0
NOBODY: Final = Lengths(0, 0, 0, 0, 0)
QUEUE: Final = QueueConfig(
    queue_timeout_s=LONGEST_S, idle_s=None, deadline_s=LONGEST_S, most_streams=4, most_chunks=3, turn_chunks=100
)


class Endless:
    """Says its numbers until nobody wants more. `asked` is how many it was asked for, of all its answers."""

    name = "endless"
    context_tokens = 10**9

    def __init__(self) -> None:
        self.asked = 0
        self.closed = threading.Semaphore(0)

    def count(self, text: str) -> int:
        return len(text)

    def tokens(self, prompt: str) -> Iterator[str]:
        try:
            for n in itertools.count():
                self.asked += 1
                yield f"{n} "
        finally:
            self.closed.release()


@dataclass(frozen=True)
class ByPrompt:
    """Each prompt has a model of its own."""

    models: Mapping[str, Scripted | Endless]
    name: str = "by-prompt"
    context_tokens: int = 10**6

    def count(self, text: str) -> int:
        return len(text)

    def tokens(self, prompt: str) -> Iterator[str]:
        return self.models[prompt].tokens(prompt)


def asked(prompt: str = "", session: str = "", **limits: Any) -> GenerationRequest:
    return replace(GenerationRequest(prompt, session=session), **({"max_tokens": 30_000} | limits))


@contextlib.contextmanager
def queue_of(model: Any, **limits: Any) -> Iterator[RequestQueue]:
    """Whatever a test does with it, every place is free and every thread is gone in the end."""
    queue = RequestQueue(model, replace(QUEUE, **limits))
    try:
        yield queue
    finally:
        stats = queue.shutdown(LONGEST_S)
    assert (stats.streams, stats.batches, stats.threads) == (NOBODY, NOBODY, 0)
    assert stats.submitted == stats.completed + stats.cancelled + stats.timed_out + stats.failed


class Reports:
    """Waits until a line was told to do something with a request, though nobody else hears of it."""

    def __init__(self, queue: RequestQueue, step: str, kind: Any = "stream") -> None:
        self._happened = threading.Semaphore(0)
        line: Any = queue._lines[kind]
        really = getattr(line, step)

        def reported(*arguments: Any) -> Any:
            answer = really(*arguments)
            self._happened.release()
            return answer

        setattr(line, step, reported)

    def wait(self, times: int = 1) -> None:
        for _ in range(times):
            assert self._happened.acquire(timeout=LONGEST_S), "it did not happen"


def text_of(chunks: list[StreamChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def rest(stream: Stream[StreamChunk]) -> tuple[list[StreamChunk], str]:
    """All the chunks that still come, and the finish reason or the code at the end. Silence is neither."""
    chunks: list[StreamChunk] = []
    try:
        while (chunk := stream.receive()) is not END:
            chunks.append(chunk)
    except StreamError as failure:
        return chunks, str(failure.code)
    return chunks, str(chunks[-1].finish_reason) if chunks else "nothing"


def code_of(call: Any) -> str:
    """The code with which a call is refused."""
    try:
        call()
    except StreamError as refusal:
        return str(refusal.code)
    return "accepted"
