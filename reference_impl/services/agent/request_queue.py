"""`RequestQueue`: requests wait in two bounded lines, and worker threads answer them in streams of chunks.

Streams and batches have lines and workers of their own, so neither ever waits for the other. A worker gives a stream up
after a turn, and as soon as its consumer is slow; who is heard next is the line's affair (line.py).

Never here: a rule of the stream, how an answer is made (work.py), a session. Streams are called without the lock.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.agent import limits
from streamspec.reference_impl.services.agent.chunks import FINISH_REASONS, collected
from streamspec.reference_impl.services.agent.idling import Idling
from streamspec.reference_impl.services.agent.limits import QueueConfig
from streamspec.reference_impl.services.agent.line import Entry, Lengths, Line, Place
from streamspec.reference_impl.services.agent.tickets import Tickets
from streamspec.reference_impl.services.agent.work import Counted, Step, Work, ended_with
from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.thread_leaving import consumers_end
from streamspec.reference_impl.stream.threads import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streamspec.reference_impl.services.agent.cancelling import CancellationToken
    from streamspec.reference_impl.services.agent.line import Kind
    from streamspec.reference_impl.services.agent.ports import Generated, GenerationRequest, Generator, StreamChunk
    from streamspec.reference_impl.services.agent.work import Context

_log = logging.getLogger("streamspec.reference")

SHUTDOWN_S: Final = 15.0  # for workers to come back from their models
AT_ONCE_S: Final = 0.0
NOT_COMPLETED: Final[Mapping[str, str]] = MappingProxyType({Code.CANCELLED: "cancelled", Code.TIMED_OUT: "timed_out"})


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Totals since the queue was made, of requests but for `tokens`; each that was submitted is in the end in one of
    `completed`, `cancelled`, `timed_out` and `failed`. Then where the others are, and the threads that live."""

    submitted: int
    refused: int
    completed: int
    cancelled: int
    timed_out: int
    failed: int
    tokens: int
    streams: Lengths
    batches: Lengths
    threads: int


class RequestQueue:
    """Its workers are threads, and daemons: `shutdown` ends them in order."""

    def __init__(
        self, generator: Generator, config: QueueConfig | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.config: Final = config or QueueConfig()
        self._generator = generator
        self._clock = clock
        self._lock = lock = threading.RLock()
        self._is_entered: Callable[[], bool] = lock._is_owned  # type: ignore[attr-defined]  # noqa: SLF001 -- as Condition does
        self._tickets = tickets = Tickets()
        queued = self.config.most_queued
        self._lines: dict[Kind, Line[Work]] = {
            "stream": Line(queued, self.config.most_streams, tickets),
            "batch": Line(queued, self.config.batch_workers, tickets),
        }
        self._to_do: dict[Kind, threading.Condition] = {
            "stream": threading.Condition(lock),
            "batch": threading.Condition(lock),
        }
        self._moved = threading.Condition(lock)  # somebody got out of a line, or further in it
        self._queued = threading.Condition(lock)  # somebody is queued, after a time when nobody was
        self._closed = False
        self._nobody_is_late = False  # the thread that watches the time waits for somebody to be queued
        self._counts: Counter[str] = Counter()
        self._threads = [
            *self._workers("stream", self.config.stream_workers),
            *self._workers("batch", self.config.batch_workers),
        ]
        if self.config.queue_timeout_s is not None:
            watch = partial(self._watch_the_time, self.config.queue_timeout_s)
            self._threads.append(threading.Thread(target=watch, name="agent-queue-time", daemon=True))
        for thread in self._threads:
            thread.start()

    # Submitting.

    def submit_streaming_request(
        self,
        request: GenerationRequest,
        *,
        wait_s: float | None = AT_ONCE_S,
        token: CancellationToken | None = None,
        context: Context | None = None,
    ) -> Stream[StreamChunk]:
        """The answer's chunks, as they are made. Raises INVALID_ARGUMENT, RESOURCE_EXHAUSTED when the queue stayed full
        for `wait_s` (None: no limit of its own), UNAVAILABLE after a shutdown, CANCELLED or TIMED_OUT if it is given up
        while it waits, what the `context` raises, and INTERNAL or a code of the model's if that cannot count. Whoever
        drops what is returned cancels it."""
        return consumers_end(self._submit("stream", request, wait_s, token, context).stream)

    def submit_request(
        self,
        request: GenerationRequest,
        *,
        wait_s: float | None = AT_ONCE_S,
        token: CancellationToken | None = None,
        context: Context | None = None,
    ) -> Generated:
        """The whole answer; blocks. Raises as above, and whatever the answer ended with."""
        work = self._submit("batch", request, wait_s, token, context)
        answer = collected(work.stream)
        return replace(answer, prompt_tokens=work.prompt_tokens)

    # Whole queue, or a session's part of it.

    def cancel_session(self, session: str, reason: str = "the session was cancelled") -> bool:
        """Cancel what has been submitted in a session until now, and nothing later. Whether there was anything."""
        with self._lock:
            tickets = frozenset(self._tickets.of(session))
            streams = [entry.work.stream for entry in self._entries() if entry.ticket in tickets]
        ended = [stream.cancel(reason) for stream in streams]
        return any(ended)

    def is_busy(self, session: str) -> bool:
        """Whether a turn of the session is not over."""
        with self._lock:
            return bool(self._tickets.of(session))

    @property
    def is_closed(self) -> bool:
        return self._closed

    def stats(self) -> QueueStats:
        with self._lock:
            counts = self._counts
            return QueueStats(
                submitted=counts["submitted"],
                refused=counts["refused"],
                completed=counts["completed"],
                cancelled=counts["cancelled"],
                timed_out=counts["timed_out"],
                failed=counts["failed"],
                tokens=counts["tokens"],
                streams=self._lines["stream"].lengths(),
                batches=self._lines["batch"].lengths(),
                threads=sum(thread.is_alive() for thread in self._threads),
            )

    def shutdown(self, timeout_s: float = SHUTDOWN_S, *, drain_s: float = 0.0) -> QueueStats:
        """Take nothing more, let what is there go on for `drain_s`, end the rest with UNAVAILABLE, and wait for the
        workers; all in all no longer than `drain_s + timeout_s`. The figures tell how many threads live on."""
        with self._lock:
            self._closed = True
            waiting = [entry for entry in self._entries() if entry.place is Place.WAITING]
        _end_all(waiting, _shut_down())
        with self._lock:
            self._moved.wait_for(lambda: not self._entries(), drain_s)
            rest = self._entries()
            for news in (*self._to_do.values(), self._queued):
                news.notify_all()
        _end_all(rest, _shut_down())
        ends_at_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, ends_at_s - time.monotonic()))
        return self.stats()

    # Getting in.

    def _submit(
        self,
        kind: Kind,
        request: GenerationRequest,
        wait_s: float | None,
        token: CancellationToken | None,
        context: Context | None,
    ) -> Work:
        limits.check(request)
        counted = self._counted(request, context)
        limits.check_prompt(counted.tokens, self._generator.context_tokens)
        if self._closed:  # and no stream is made, with its timers
            raise _shut_down()
        config = self.config
        stream: Stream[StreamChunk] = Stream(config.most_chunks, deadline_s=config.deadline_s)
        clock = self._clock if config.metadata else None
        idling = None if config.idle_s is None else Idling(stream, config.idle_s)
        work = Work(request, stream, self._generator, context, config.turn_chunks, clock, counted, idling)
        entry = Entry(work, kind)
        try:
            stream.on_end(partial(self._left, entry))
            if token is not None:
                stream.on_end(token.on_cancel(partial(_cancel, weakref.ref(stream), token)))
            with self._lock:
                self._get_in(entry, wait_s)
        except BaseException:
            stream.cancel()
            raise
        return work

    def _counted(self, request: GenerationRequest, context: Context | None) -> Counted:
        prompt = request.prompt if context is None else context.prompt()
        if request.prompt_tokens is not None and prompt == request.prompt:
            return Counted(prompt, request.prompt_tokens)
        try:
            return Counted(prompt, self._generator.count(prompt))
        except Exception as raised:  # noqa: BLE001 -- a model may raise anything, here as at any token
            _log.info("a model failed", exc_info=raised)
            raise errors.shown(raised) from None

    def _get_in(self, entry: Entry[Work], wait_s: float | None) -> None:
        if entry.place is Place.NEW and not self._closed:
            self._lines[entry.kind].wait(entry, entry.work.request.session)
            self._fill(entry.kind)
            if wait_s != AT_ONCE_S:
                self._moved.wait_for(lambda: entry.place is not Place.WAITING, wait_s)
        if entry.queued_at_s is not None:  # and it may even be over
            return
        is_in_time = entry.place is not Place.WAITING
        if entry.place is not Place.OVER:
            self._refuse(entry)
        if self._closed:
            raise _shut_down()
        if is_in_time:
            raise StreamError(ended_with(entry.work.stream), "the request was given up before it was queued")
        raise StreamError(Code.RESOURCE_EXHAUSTED, f"the queue is full: {self.config.most_queued} requests wait")

    def _fill(self, kind: Kind) -> None:
        """Whoever waits for room in the queue has it, if there is some."""
        queued = 0 if self._closed else self._lines[kind].fill(self._clock())
        if queued:
            self._counts["submitted"] += queued
            self._moved.notify_all()
            self._to_do[kind].notify(queued)
            if self._nobody_is_late:
                self._queued.notify()

    # Getting out. With the lock, but for `_left`.

    def _left(self, entry: Entry[Work]) -> None:
        """Its stream has ended. What a worker has begun, a worker ends; anything else is over here."""
        entry.work.stand_down()
        if self._is_entered():
            # A finaliser, perhaps that of a forgotten iterator, cancels in the middle of a step.
            threading.Thread(target=self._left, args=(entry,), daemon=True).start()
            return
        with self._lock:
            if entry.place in (Place.NEW, Place.WAITING):
                self._refuse(entry)
            elif entry.place is Place.QUEUED:
                self._out(entry, ended_with(entry.work.stream))

    def _refuse(self, entry: Entry[Work]) -> None:
        self._counts["refused"] += 1
        self._remove(entry)

    def _out(self, entry: Entry[Work], ending: str) -> None:
        self._counts["completed" if ending in FINISH_REASONS else NOT_COMPLETED.get(ending, "failed")] += 1
        self._counts["tokens"] += entry.work.tokens
        self._remove(entry)

    def _remove(self, entry: Entry[Work]) -> None:
        self._lines[entry.kind].remove(entry)
        self._fill(entry.kind)
        self._moved.notify_all()
        for to_do in self._to_do.values():  # there is room among those that have begun, or it is the next one's turn
            to_do.notify_all()
        if self._closed:
            self._queued.notify()  # whoever watches the time may have nobody left

    def _entries(self) -> list[Entry[Work]]:
        return [entry for line in self._lines.values() for entry in line.entries()]

    # Threads.

    def _workers(self, kind: Kind, count: int) -> Iterable[threading.Thread]:
        for number in range(1, count + 1):
            name = f"agent-{kind}-{number}"
            yield threading.Thread(target=self._work, args=(kind,), name=name, daemon=True)

    def _work(self, kind: Kind) -> None:
        line = self._lines[kind]
        while (entry := self._next(kind)) is not None:
            step = entry.work.turn(partial(self._wake, entry))
            with self._lock:
                match step:
                    case Step.AGAIN:
                        line.put_back(entry)
                    case Step.ASIDE:
                        line.set_aside(entry)
                    case Step.OVER:
                        self._out(entry, entry.work.ending)

    def _next(self, kind: Kind) -> Entry[Work] | None:
        line, to_do = self._lines[kind], self._to_do[kind]
        with self._lock:
            while (entry := line.take()) is None:
                if self._closed and not line.entries():
                    return None
                to_do.wait()
            self._fill(kind)
            return entry

    def _wake(self, entry: Entry[Work]) -> None:
        """Its consumer has made room, or has left: in the consumer's thread."""
        if self._is_entered():
            threading.Thread(target=self._wake, args=(entry,), daemon=True).start()
            return
        with self._lock:
            if self._lines[entry.kind].wake(entry):
                self._to_do[entry.kind].notify()

    def _watch_the_time(self, timeout_s: float) -> None:
        while (late := self._overdue(timeout_s)) is not None:
            _end_all(late, StreamError(Code.TIMED_OUT, f"the request waited longer than {timeout_s:g} s for its turn"))

    def _overdue(self, timeout_s: float) -> list[Entry[Work]] | None:
        """Those that have waited too long, as soon as there are any; None when nobody will wait any more."""
        with self._lock:
            while True:
                now_s = self._clock()
                late = [entry for line in self._lines.values() for entry in line.overdue(now_s, timeout_s)]
                if late:
                    for entry in late:
                        self._out(entry, Code.TIMED_OUT)
                    return late
                nearest_s = [line.until_overdue_s(now_s, timeout_s) for line in self._lines.values()]
                wait_s = min((left_s for left_s in nearest_s if left_s is not None), default=None)
                if wait_s is None and self._closed:
                    return None
                self._nobody_is_late = wait_s is None
                self._queued.wait(wait_s)


def _cancel(stream: weakref.ref[Stream[StreamChunk]], token: CancellationToken) -> None:
    # Weakly, because a token may outlive many requests.
    cancelled = stream()
    if cancelled is not None:
        cancelled.cancel(token.reason)


def _end_all(entries: Iterable[Entry[Work]], failure: StreamError) -> None:
    for entry in entries:
        with contextlib.suppress(StreamError):  # it has ended meanwhile
            entry.work.stream.error(failure)


def _shut_down() -> StreamError:
    return StreamError(Code.UNAVAILABLE, "the agent was shut down")
