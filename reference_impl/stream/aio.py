"""`Stream`, the fast asyncio shell: docs/stream.md for the tasks of one event loop, in any number on either side.

Here are the hot paths of `send`, `receive` and `poll`, and all waiting. Never here: what follows from a call (that is
the core's), a lock, a second thread.
"""

# ruff: noqa: SLF001 -- an iteration is a part of its stream, in a class of its own because it has an end of its own
from __future__ import annotations

import types
from asyncio import Future, current_task, get_running_loop
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from streamspec.reference_impl.stream import errors, producing
from streamspec.reference_impl.stream.aio_core import (
    CANCELLED,
    CARE,
    COMPLETED,
    NOTHING,
    PLAIN,
    SENDERS,
    WOULD_WAIT,
    Claim,
    Core,
    Parked,
)
from streamspec.reference_impl.stream.aio_rare import wake
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END, Empty, End
from streamspec.reference_impl.stream.table import ENDED, GIVEN_UP, Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence

__all__ = ("EMPTY", "END", "Empty", "End", "Stream")

T = TypeVar("T")

INERT: Final = frozenset({list, tuple, range})  # what runs no code of anybody's when it is read
PATIENCE: Final = 8  # receives that park at once after one that looked again in vain


def _ended_coroutine() -> Awaitable[None]:
    @types.coroutine
    def ended() -> Generator[None, None, None]:
        return
        yield

    done = ended()
    next(cast("Generator[None, None, None]", done), None)
    return done


# What an accepted send answers. An ended generator coroutine is awaited without making an object, any number of times,
# by tasks of any loop, and keeps none of them alive; a finished future costs more, and belongs to a loop.
DONE: Final = _ended_coroutine()


class Stream(Core[T]):
    """A bounded, ordered, cancellable stream with exactly one ending.

    `send` works when it is called and answers something to await; `ensure_future` makes a task of that.
    """

    __slots__ = ()

    def send(self, item: T, timeout_s: float | None = None) -> Awaitable[None]:
        """Hand over one item. Where that has to wait or is refused nothing happens before the answer is awaited."""
        buffer = self._buffer
        if len(buffer) < self._room:
            buffer.append(item)
            return DONE
        return self._send(item, timeout_s)

    async def send_batch(self, items: Iterable[T]) -> None:
        """The items in order, as if sent one by one."""
        if type(items) not in INERT:
            # Truly one by one: asking for the next item runs somebody's code, which may well call this stream.
            for item in items:
                await self.send(item)
            return
        batch = cast("Sequence[T]", items)
        sent = 0
        while sent < len(batch):
            room = self._room - len(self._buffer)
            if room > 0:
                self._buffer.extend(batch if room >= len(batch) and not sent else batch[sent : sent + room])
                sent += room
            else:
                await self._send(batch[sent], None)
                sent += 1

    async def receive(self) -> T | End:
        """The next item, or END, which is repeated."""
        buffer = self._buffer
        if buffer and not self._care:
            return buffer.popleft()
        answer: T | End = self._answer()
        return answer if answer is not WOULD_WAIT else await self._wait()

    async def receive_batch(self) -> list[T]:
        """All that can be received now, at least one item; nothing at the end."""
        buffer = self._buffer
        if buffer and self._care != CARE:
            return self._rest()
        answer = self._answer()
        if answer is WOULD_WAIT:
            answer = await self._wait()
        if answer is END:
            return []
        items = self._rest()
        items.insert(0, answer)
        return items

    def poll(self) -> T | End | Empty:
        """The next item, END, or EMPTY where a receive would wait."""
        buffer = self._buffer
        if buffer and not self._care:
            return buffer.popleft()
        answer: T | End = self._answer()
        return answer if answer is not WOULD_WAIT else EMPTY

    def __aiter__(self) -> AsyncIterator[T]:
        """Its items up to the end. Leaving before that cancels."""
        return _Items(self)

    async def sleep(self, seconds: float) -> None:
        """A producer's pause. The end of the stream ends it; if nobody wants more, that raises CANCELLED."""
        if self._phase not in ENDED:
            loop = get_running_loop()
            told: Future[None] = Future(loop=loop)
            timer = loop.call_later(seconds, wake, told)
            sleepers = self._rarity().sleepers
            sleepers.append(told)
            try:
                await told
            finally:
                timer.cancel()
                if told in sleepers:
                    sleepers.remove(told)
        if self._phase in GIVEN_UP:
            raise self._cancelled()

    async def produce(self, handler: Callable[[Stream[T]], Awaitable[object] | object]) -> None:
        """Run `handler(stream)`; however it ends, the stream ends."""
        await producing.produce_async(self, handler)

    async def feed(self, source: AsyncIterable[T] | Iterable[T]) -> None:
        """Send every item of the source and complete; however that ends, the source is closed."""
        await producing.feed_async(self, source)

    def _rest(self) -> list[T]:
        """All that can be received without waiting."""
        if self._care == CARE:
            self._settle()
            if self._is_paused():
                return []
            while self._senders:
                self._release()
            items = list(self._buffer)
            self._discard()
            self._move()
            return items
        items = list(self._buffer)
        self._discard()
        if self._care == SENDERS:
            for told, item in self._senders:
                if not told.done():
                    items.append(item)
                    told.set_result(None)
            self._senders.clear()
            self._care = PLAIN
        return items

    async def _send(self, item: T, timeout_s: float | None) -> None:
        # Where the guard says that the buffer is full, it says that this is all: the send parks, and nobody is asked.
        if not 0 <= self._room <= len(self._buffer) and self._accept(item):
            return
        parked = self._park_send(item)
        if timeout_s is None and self._rare is not None:
            timeout_s = self._rare.send_timeout_s
        timer = None
        if timeout_s is not None and timeout_s > 0:
            timer = get_running_loop().call_later(timeout_s, self._time_out, parked)
        elif timeout_s is not None:
            self._time_out(parked)
        try:
            refused_in = await parked[0]
        except BaseException:
            self._leave_send(parked)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if refused_in is not None:
            raise self._refusal(refused_in, timeout_s)

    def _refusal(self, refused_in: Phase, timeout_s: float | None) -> StreamError:
        """What a send raises that has waited."""
        if refused_in is CANCELLED or refused_in is Phase.EXPIRED:
            return self._cancelled()
        if refused_in is Phase.ERRORED:
            return self._failure()
        assert timeout_s is not None, "an open stream refuses nobody whose time is not up"
        return errors.send_timed_out(timeout_s)

    def _park_send(self, item: T) -> Parked[T]:
        told: Future[Phase | None] = Future(loop=self._loop)
        parked = (told, item)
        if self._senders is NOTHING:
            self._senders = deque()
            self._loop = told.get_loop()
        self._senders.append(parked)
        if self._care == PLAIN:
            self._care = SENDERS
        if self._rare is not None and self._rare.wakes:
            self._fold()  # whoever watches a rendezvous has something to receive now
        return parked

    def _time_out(self, parked: Parked[T]) -> None:
        """A send waits no longer. One that was released at the last moment has been sent."""
        self._settle()
        if not parked[0].done():
            self._senders.remove(parked)
            parked[0].set_result(self._phase)
            self._move()

    def _leave_send(self, parked: Parked[T]) -> None:
        """A send leaves without its answer. One that was released has been sent all the same."""
        parked[0].cancel()
        if parked in self._senders:
            self._senders.remove(parked)
        self._settle()
        self._move()

    @types.coroutine
    def _wait(self) -> Generator[Any, Any, Any]:
        """A receive that found nothing.

        Where the other side is at work, one turn of the loop is all it has to wait, and that is half of what parking
        costs. So first it only claims the next item: sends go on, with one place more, and none of them has to wake it.
        """
        told = None
        if self._patience:
            self._patience -= 1
        elif self._room == self.capacity and not self._care and (task := current_task(self._loop)) is not None:
            claim = self._claim = Claim()
            claim.task, claim.requests, claim.told = task, task.cancelling(), None
            self._room += 1
            self._care = CARE
            try:
                yield
            except BaseException:
                self._unclaim(claim)
                raise
            if (answer := self._redeem(claim)) is not WOULD_WAIT:
                return answer
            told = claim.told
        if told is None:
            told = self._park_receive()
        try:
            given = yield from told
        except BaseException:
            self._leave_receive(told)
            raise
        if type(given) is tuple:
            return given[1]
        if given is COMPLETED:
            return END
        raise self._failure()

    def _redeem(self, claim: Claim) -> Any:
        """What a claim has come to, after its turn of the loop."""
        if self._claim is claim:
            # Nobody had to know of it, so nothing has happened but sends.
            self._claim = None
            self._room = self.capacity
            self._care = SENDERS if self._senders else PLAIN
            if self._buffer:
                return self._buffer.popleft()
            self._patience = PATIENCE
            return WOULD_WAIT
        return self._answer() if claim.told is None else WOULD_WAIT

    def _unclaim(self, claim: Claim) -> None:
        """A receive leaves that has claimed. If nobody had to know, what was promised to it was never taken away."""
        if self._claim is claim:
            self._claim = None
            self._fold()
        elif claim.told is not None:
            self._leave_receive(claim.told)

    def _leave_receive(self, told: Future[Any]) -> None:
        """A receive leaves without its answer. What it was given goes back to where it came from."""
        told.cancel()
        if told in self._receivers:
            self._receivers.remove(told)
        self._settle()
        if not told.cancelled() and type(given := told.result()) is tuple:
            self._give_back(*given)

    def _give_back(self, place: int, item: T) -> None:
        rare = self._rarity()
        discards = rare.dialect.buffered_after_error == "discard"
        if self._phase in GIVEN_UP or (self._phase is Phase.ERRORED and discards):
            return
        self._buffer.insert(rare.index_for(place), item)
        self._move()


class _Items(Generic[T]):
    """One iteration. Leaving a loop drops it, and an iteration that is dropped before its end cancels the stream.

    It has the hot path of `receive` once more, because to await that would cost an item a third of its time.
    """

    __slots__ = ("_over", "_stream")

    def __init__(self, stream: Stream[T]) -> None:
        self._stream = stream
        self._over = False

    def __aiter__(self) -> _Items[T]:
        return self

    async def __anext__(self) -> T:
        stream = self._stream
        buffer = stream._buffer
        if buffer and not stream._care:
            return buffer.popleft()
        try:
            item = stream._answer()
            if item is WOULD_WAIT:
                item = await stream._wait()
        except StreamError:
            self._over = True
            raise
        except BaseException:
            self._leave()  # now: the traceback may keep whatever frame holds this
            raise
        if item is END:
            self._over = True
            raise StopAsyncIteration
        return cast("T", item)

    def __del__(self) -> None:
        self._leave()

    def _leave(self) -> None:
        if not self._over:
            self._over = True
            self._stream.cancel()
