"""`Stream`, the asyncio shell over the state table: it holds the items and the parked tasks, and obeys.

Never here: a decision (they are the table's), a lock (a stream belongs to one event loop), a second thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Call, Effect, Phase, State

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class End(enum.Enum):
    """What `receive` answers after the last item, as often as it is asked."""

    END = enum.auto()


END: Final = End.END


@dataclass(frozen=True, slots=True, eq=False)
class _Parked(Generic[T]):
    """A send that waits. Its future is told how the send ended: None for success."""

    item: T
    told: asyncio.Future[StreamError | None]


class Stream(Generic[T]):
    """A bounded, ordered, cancellable stream with exactly one ending. Any number of senders and receivers."""

    __slots__ = ("_buffer", "_cleanups", "_ended", "_failure", "_receivers", "_senders", "_state", "_step")

    def __init__(
        self,
        capacity: int = table.DEFAULT_CAPACITY,
        step: Callable[[State, Call], table.Step] = table.step,
    ) -> None:
        self._state = State(capacity=capacity)
        self._step = step
        self._buffer: deque[T] = deque()
        self._senders: deque[_Parked[T]] = deque()
        self._receivers: list[asyncio.Future[None]] = []
        self._failure: StreamError | None = None
        self._cleanups: list[Callable[[], None]] = []
        self._ended = asyncio.Event()

    @property
    def state(self) -> State:
        """The stream, counted: for the framework and for tests."""
        return self._state

    async def send(self, item: T) -> None:
        """Hand over one item, waiting while the stream is full. Raises CANCELLED, UNAVAILABLE or its error.

        A task cancelled while it waits has not sent; if a receiver released it first, it has.
        """
        effects = self._call(Call.SEND)
        if Effect.ACCEPT in effects:
            self._buffer.append(item)
        elif Effect.PARK_SENDER in effects:
            await self._park(item)

    def complete(self) -> None:
        """End well, after what was sent. Raises UNAVAILABLE if already ended; a no-op once cancelled."""
        self._call(Call.COMPLETE)

    def error(self, code: Code, message: str) -> None:
        """End badly, after what was accepted. Raises and forgives as `complete`."""
        self._call(Call.ERROR, StreamError(code, message))

    def cancel(self) -> None:
        """The consumer wants no more. Never raises; only the first call does anything."""
        self._call(Call.CANCEL)

    async def receive(self) -> T | End:
        """The next item, or END. Raises the stream's error or CANCELLED. Endings are repeated if asked for."""
        while True:
            effects = self._call(Call.RECEIVE)
            if Effect.GIVE in effects:
                return self._buffer.popleft()
            if Effect.GIVE_END in effects:
                return END
            await self._wait_for_news()

    def __aiter__(self) -> Stream[T]:
        """Iterate over the items. Breaking out leaves the stream open: call `cancel`."""
        return self

    async def __anext__(self) -> T:
        item = await self.receive()
        if item is END:
            raise StopAsyncIteration
        return item

    async def sleep(self, seconds: float) -> None:
        """A pause for a producer: the end of the stream ends it, and a cancel raises CANCELLED at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        if self._state.phase is Phase.CANCELLED:
            raise _cancelled()

    def on_end(self, cleanup: Callable[[], None]) -> None:
        """Run `cleanup` exactly once: when the stream completes, fails or is cancelled, or now if it has."""
        if self._ended.is_set():
            _run(cleanup)
        else:
            self._cleanups.append(cleanup)

    def _call(self, call: Call, failure: StreamError | None = None) -> tuple[Effect, ...]:
        """One step of the table, and what it means for everyone but the caller. Raises what it refuses."""
        self._bury_cancelled_senders()
        self._state, effects = self._step(self._state, call)
        if Effect.KEEP_ERROR in effects:
            self._failure = failure
        for effect in effects:
            self._obey(effect)
            if (refusal := self._refusal(effect)) is not None:
                raise refusal
        return effects

    def _refusal(self, effect: Effect) -> StreamError | None:
        match effect:
            case Effect.RAISE_CANCELLED:
                return _cancelled()
            case Effect.RAISE_UNAVAILABLE:
                return StreamError(Code.UNAVAILABLE, "stream is closed")
            case Effect.GIVE_ERROR:
                return self._copy_of_failure()
            case _:
                return None

    def _obey(self, effect: Effect) -> None:
        match effect:
            case Effect.RELEASE_SENDER:
                parked = self._senders.popleft()
                self._buffer.append(parked.item)
                parked.told.set_result(None)
            case Effect.CANCEL_SENDERS:
                self._refuse_senders(_cancelled)
            case Effect.FAIL_SENDERS:
                self._refuse_senders(self._copy_of_failure)
            case Effect.WAKE_RECEIVERS:
                self._wake_receivers()
            case Effect.DISCARD_BUFFER:
                self._buffer.clear()
            case Effect.CLEAN_UP:
                self._clean_up()
            case _:
                pass  # the caller's own

    async def _park(self, item: T) -> None:
        parked = _Parked(item, asyncio.get_running_loop().create_future())
        self._senders.append(parked)
        try:
            refusal = await parked.told
        except asyncio.CancelledError:
            if parked in self._senders:
                self._senders.remove(parked)
                self._call(Call.ABANDON_SEND)
            raise
        if refusal is not None:
            raise refusal

    async def _wait_for_news(self) -> None:
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._receivers.append(news)
        try:
            await news
        except asyncio.CancelledError:
            if news in self._receivers:
                self._receivers.remove(news)
                self._call(Call.ABANDON_RECEIVE)
            raise

    def _bury_cancelled_senders(self) -> None:
        # A cancelled task learns of it a turn later. Until then its item must not be accepted in its name.
        while self._senders and self._senders[0].told.cancelled():
            self._senders.popleft()
            self._state, effects = self._step(self._state, Call.ABANDON_SEND)
            for effect in effects:
                self._obey(effect)

    def _refuse_senders(self, refusal: Callable[[], StreamError]) -> None:
        while self._senders:
            told = self._senders.popleft().told
            if not told.done():
                told.set_result(refusal())

    def _wake_receivers(self) -> None:
        for news in self._receivers:
            if not news.done():
                news.set_result(None)
        self._receivers.clear()

    def _clean_up(self) -> None:
        self._ended.set()
        for cleanup in self._cleanups:
            _run(cleanup)
        self._cleanups.clear()

    def _copy_of_failure(self) -> StreamError:
        # A fresh one each time: one exception raised in many tasks would collect all their tracebacks.
        assert self._failure is not None, "the table gives an error only after KEEP_ERROR"
        return StreamError(self._failure.code, self._failure.message)


def _cancelled() -> StreamError:
    return StreamError(Code.CANCELLED, "stream was cancelled")


def _run(cleanup: Callable[[], None]) -> None:
    try:
        cleanup()
    except Exception as raised:  # noqa: BLE001 -- one bad cleanup must not starve the others (seeds 2.6, invariant 8)
        context = {"message": "a stream's cleanup raised", "exception": raised}
        asyncio.get_running_loop().call_exception_handler(context)
