"""`AsyncStream` and `ThreadStream`: the stream as the table says it, for tasks and for threads, breakable by `Parts`.

All they add to a `Holder` is waiting: for a ticket, for a time, for the end. Slow and plainly right, they are what the
fast shells are compared with. Never here: a decision, or a way around the holder.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from streamspec.reference_impl.stream import producing
from streamspec.reference_impl.stream.dialect import DEFAULT, Dialect
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.holder import GOOD, Holder, Parts, Ticket
from streamspec.reference_impl.stream.marks import END, Empty, End
from streamspec.reference_impl.stream.table import ENDED, GIVEN_UP, Phase, is_ready
from streamspec.reference_impl.stream.times import Times

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator

T = TypeVar("T")


class _Told:
    """A parked task's signal."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set(self) -> None:
        if not self.future.done():
            self.future.set_result(None)

    def gone(self) -> bool:
        return self.future.cancelled()


class _Rung(threading.Event):
    """A parked thread's signal. A thread cannot be cancelled from outside."""

    def gone(self) -> bool:
        return False


class _Limits:
    """The two times of a stream: its deadline, and how long it may accept nothing."""

    __slots__ = ("_clock", "_deadline_s", "_idle_s", "_made_s", "_parts")

    def __init__(
        self, deadline_s: float | None, idle_s: float | None, clock: Callable[[], float], parts: Parts
    ) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self._idle_s = idle_s
        self._made_s = clock()
        self._parts = parts

    def remaining_s(self, accepted_at_s: float) -> float | None:
        return self._parts.remaining(self._times(accepted_at_s))

    def left_s(self, accepted_at_s: float) -> float | None:
        """Until the nearer of the two, None if there is neither."""
        return self._parts.left(self._times(accepted_at_s))

    def _times(self, accepted_at_s: float) -> Times:
        return Times(self._clock(), self._made_s, accepted_at_s, self._deadline_s, self._idle_s)


class AsyncStream(Generic[T]):
    """docs/stream.md for the tasks of one event loop."""

    END: Final = END  # for a judge that knows nothing of ours (docs/objects.md)

    def __init__(
        self,
        capacity: int | None = None,
        *,
        dialect: Dialect = DEFAULT,
        send_timeout_s: float | None = None,
        deadline_s: float | None = None,
        idle_s: float | None = None,
        priority: int = 0,
        parts: Parts = GOOD,
    ) -> None:
        self.capacity = parts.capacity if capacity is None else capacity
        self.dialect = dialect
        self.send_timeout_s = send_timeout_s
        self.deadline_s = deadline_s
        self.idle_s = idle_s
        self.priority = priority
        self._parts = parts
        timed = deadline_s is not None or idle_s is not None
        clock = asyncio.get_running_loop().time if timed else time.monotonic
        self._limits = _Limits(deadline_s, idle_s, clock, parts)
        self._timer: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._holder: Holder[T] = Holder(
            self.capacity,
            dialect,
            parts,
            lock=contextlib.nullcontext(),
            clock=clock,
            complain=_complain_to_loop,
            when_ended=self._when_ended,
        )
        self._watch()

    @property
    def state(self) -> Phase:
        return self._holder.state.phase

    @property
    def buffered_amount(self) -> int:
        return self._parts.counted(self._holder.state)

    @property
    def remaining_s(self) -> float | None:
        return self._limits.remaining_s(self._holder.accepted_at_s)

    @property
    def ready(self) -> bool:
        return is_ready(self._holder.state)

    async def send(self, item: T, timeout_s: float | None = None) -> None:
        ticket: Ticket[T] = Ticket(item, told := _Told())
        self._holder.send(ticket)
        await self._wait(ticket, told, self.send_timeout_s if timeout_s is None else timeout_s)
        ticket.check()

    async def send_batch(self, items: Iterable[T]) -> None:
        for item in items:
            await self.send(item)

    async def receive(self) -> T | End:
        ticket: Ticket[T] = Ticket(signal=(told := _Told()))
        self._holder.receive(ticket)
        await self._wait(ticket, told, None)
        return cast("T | End", ticket.answer())

    async def receive_batch(self) -> list[T]:
        item = await self.receive()
        return [] if item is END else [item, *self._holder.rest()]

    async def __aiter__(self) -> AsyncIterator[T]:
        try:
            while (item := await self.receive()) is not END:
                yield item
        except StreamError:
            raise  # the stream's own end is no leaving
        except BaseException:
            self._parts.leave(self)
            raise

    def poll(self) -> T | End | Empty:
        return self._holder.poll()

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._holder.on_ready(wake)

    def complete(self) -> None:
        self._holder.complete()

    def error(self, failure: BaseException) -> None:
        self._holder.error(failure)

    def cancel(self, reason: str = "") -> bool | None:
        return self._holder.cancel(reason)

    def pause(self) -> None:
        self._holder.pause()

    def resume(self) -> None:
        self._holder.resume()

    def on_end(self, cleanup: Callable[[], None]) -> None:
        self._holder.on_end(cleanup)

    async def sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        if self.state in GIVEN_UP:
            raise self._holder.cancelled()

    async def produce(self, handler: Callable[[AsyncStream[T]], Awaitable[object] | object]) -> None:
        await producing.produce_async(self, handler, self._parts.after_handler, self._parts.begins)

    async def feed(self, source: AsyncIterable[T] | Iterable[T]) -> None:
        await producing.feed_async(self, self._parts.source(self, source), self._parts.after_handler)

    async def _wait(self, ticket: Ticket[T], told: _Told, timeout_s: float | None) -> None:
        if not ticket.waits:
            return
        timer = None
        try:
            if timeout_s is not None and timeout_s > 0:
                timer = told.future.get_loop().call_later(timeout_s, self._holder.time_out, ticket, timeout_s)
            elif timeout_s is not None:
                self._holder.time_out(ticket, timeout_s)
            await told.future
        except BaseException:
            self._holder.abandon(ticket)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _watch(self) -> None:
        left_s = self._limits.left_s(self._holder.accepted_at_s)
        if left_s is None or self.state in ENDED:
            return
        if left_s > 0:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._watch)
        else:
            self._holder.expire()

    def _when_ended(self) -> None:
        self._ended.set()
        self._parts.let_go(self, self._timer)


class ThreadStream(Generic[T]):
    """docs/stream.md for threads. One lock around the holder; who waits does so outside it, each on its own signal."""

    END: Final = END  # for a judge that knows nothing of ours (docs/objects.md)

    def __init__(
        self,
        capacity: int | None = None,
        *,
        dialect: Dialect = DEFAULT,
        send_timeout_s: float | None = None,
        deadline_s: float | None = None,
        idle_s: float | None = None,
        priority: int = 0,
        parts: Parts = GOOD,
    ) -> None:
        self.capacity = parts.capacity if capacity is None else capacity
        self.dialect = dialect
        self.send_timeout_s = send_timeout_s
        self.deadline_s = deadline_s
        self.idle_s = idle_s
        self.priority = priority
        self._parts = parts
        self._limits = _Limits(deadline_s, idle_s, time.monotonic, parts)
        self._timer: threading.Timer | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._holder: Holder[T] = Holder(
            self.capacity,
            dialect,
            parts,
            lock=self._lock,
            clock=time.monotonic,
            complain=_complain_to_threading,
            when_ended=self._when_ended,
        )
        self._watch()

    @property
    def state(self) -> Phase:
        return self._holder.state.phase

    @property
    def buffered_amount(self) -> int:
        return self._parts.counted(self._holder.state)

    @property
    def remaining_s(self) -> float | None:
        return self._limits.remaining_s(self._holder.accepted_at_s)

    @property
    def ready(self) -> bool:
        return is_ready(self._holder.state)

    def send(self, item: T, timeout_s: float | None = None) -> None:
        ticket: Ticket[T] = Ticket(item, rung := _Rung())
        self._ask(self._holder.send, ticket, rung, self.send_timeout_s if timeout_s is None else timeout_s)
        ticket.check()

    def send_batch(self, items: Iterable[T]) -> None:
        for item in items:
            self.send(item)

    def receive(self) -> T | End:
        ticket: Ticket[T] = Ticket(signal=(rung := _Rung()))
        self._ask(self._holder.receive, ticket, rung, None)
        return cast("T | End", ticket.answer())

    def receive_batch(self) -> list[T]:
        item = self.receive()
        return [] if item is END else [item, *self._holder.rest()]

    def __iter__(self) -> Iterator[T]:
        try:
            while (item := self.receive()) is not END:
                yield item
        except StreamError:
            raise  # the stream's own end is no leaving
        except BaseException:
            self._parts.leave(self)
            raise

    def poll(self) -> T | End | Empty:
        return self._holder.poll()

    def on_ready(self, wake: Callable[[], None]) -> None:
        self._holder.on_ready(wake)

    def complete(self) -> None:
        self._holder.complete()

    def error(self, failure: BaseException) -> None:
        self._holder.error(failure)

    def cancel(self, reason: str = "") -> bool | None:
        return self._holder.cancel(reason)

    def pause(self) -> None:
        self._holder.pause()

    def resume(self) -> None:
        self._holder.resume()

    def on_end(self, cleanup: Callable[[], None]) -> None:
        self._holder.on_end(cleanup)

    def sleep(self, seconds: float) -> None:
        self._ended.wait(seconds)
        if self.state in GIVEN_UP:
            raise self._holder.cancelled()

    def produce(self, handler: Callable[[ThreadStream[T]], object]) -> None:
        producing.produce_blocking(self, handler, self._parts.after_handler, self._parts.begins)

    def feed(self, source: Iterable[T]) -> None:
        producing.feed_blocking(self, self._parts.source(self, source), self._parts.after_handler)

    def _ask(self, call: Callable[[Ticket[T]], None], ticket: Ticket[T], rung: _Rung, timeout_s: float | None) -> None:
        # The call is inside the try as well: a KeyboardInterrupt may come as soon as it has parked.
        try:
            call(ticket)
            if not ticket.waits or rung.wait(timeout_s):
                return
            assert timeout_s is not None, "only a wait with a timeout comes to nothing"
            self._holder.time_out(ticket, timeout_s)
            rung.wait()  # if it had been served at the last moment, the listeners still go first
        except BaseException:
            self._holder.abandon(ticket)
            raise

    def _watch(self) -> None:
        with self._lock:
            left_s = self._limits.left_s(self._holder.accepted_at_s)
            if left_s is None or self.state in ENDED:
                return
            if left_s > 0:
                self._timer = threading.Timer(min(left_s, threading.TIMEOUT_MAX), self._watch)
                self._timer.daemon = True
                self._timer.start()
                return
        self._holder.expire()

    def _when_ended(self) -> None:
        self._ended.set()
        self._parts.let_go(self, self._timer)


def _complain_to_loop(raised: Exception) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # cancelled after its loop, say by whoever tidies up
        _complain_to_threading(raised)
    else:
        loop.call_exception_handler({"message": "a stream's listener raised", "exception": raised})


def _complain_to_threading(raised: Exception) -> None:
    seen = (type(raised), raised, raised.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(seen))
