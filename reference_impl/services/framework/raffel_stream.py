"""`RaffelStream`, the stream of the document under its own names, and reading several of them by their priority.

Never here: a buffer, a wait, an ending. Those are `stream/aio.Stream`'s.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast

import msgspec

from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.dialect import RAFFEL_DOCS
from streamspec.reference_impl.stream.errors import StreamError, shown
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.scheduler import STARVATION_BOUND, AsyncScheduler
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY, GIVEN_UP, Phase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

    from streamspec.reference_impl.stream.dialect import Dialect

T = TypeVar("T")
State = Literal["open", "closing", "closed", "errored"]

MOST_ITEMS: Final = 2**31 - 1  # of a high water mark
LONGEST_ID_CHARS: Final = 256
_ENDS: Final = (StopIteration, StopAsyncIteration)  # raised in an iteration they would be its good end

_STATES: Final[dict[Phase, State]] = {
    Phase.OPEN: "open",
    Phase.DRAINING: "closing",
    Phase.COMPLETED: "closed",
    Phase.ERRORED: "errored",
    Phase.CANCELLED: "errored",
    Phase.EXPIRED: "errored",
}


# No dataclass: one is made for each item, and a frozen one costs five times as much.
class StreamChunk(msgspec.Struct, Generic[T], frozen=True):
    """What a read answers: a value, or that there will be none."""

    done: bool
    value: T | None = None


_DONE: Final[StreamChunk[Any]] = StreamChunk(done=True)


def create_stream(
    id: str | None = None,  # noqa: A002 -- the document's name
    high_water_mark: int = DEFAULT_CAPACITY,
    priority: int = 0,
    *,
    dialect: Dialect = RAFFEL_DOCS,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> RaffelStream[Any]:
    """A stream that holds up to so many items before a write waits; 0: every write waits for its read.

    Raises ValueError for an option that makes no sense. `dialect`: `stream.dialect.RAFFEL` is what Raffel's code does
    where its document says nothing.
    """
    # bool is an int, and what is meant by it nobody knows.
    if type(high_water_mark) is not int or not 0 <= high_water_mark <= MOST_ITEMS:
        raise ValueError(f"a high water mark is a whole number from 0 to {MOST_ITEMS}")
    if type(priority) is not int:
        raise ValueError("a priority is a whole number")
    if id is None:
        id = new_id()  # noqa: A001
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID_CHARS:
        raise ValueError(f"an id is a text of 1 to {LONGEST_ID_CHARS} characters")
    return RaffelStream(id, Stream(high_water_mark, dialect=dialect, priority=priority))


class RaffelStream(Generic[T]):
    """For the tasks of one event loop. Made by `create_stream`.

    What `error` was given is raised as it is: it stays in this process. What else refuses a call is a `StreamError`.
    """

    __slots__ = ("_failure", "_stream", "id")

    def __init__(self, id: str, stream: Stream[T]) -> None:  # noqa: A002 -- the document's name
        self.id = id
        self._stream = stream
        self._failure: Exception | None = None

    async def read(self) -> StreamChunk[T]:
        """The next value; at the end `done`, as often as asked. Raises what the stream failed with."""
        stream = self._stream
        try:
            item = stream.poll()
            if item is EMPTY:
                item = await stream.receive()
        except StreamError as refused:
            raise self._meant(refused) from None
        return _DONE if item is END else StreamChunk(False, item)  # noqa: FBT003 -- the document's order

    def __aiter__(self) -> AsyncIterator[T]:
        """Its values up to the end. Leaving before that cancels."""
        return _Values(self)

    async def write(self, value: T) -> None:
        """Hand over a value; waits while the buffer is full. Raises CANCELLED, what the stream failed with, or
        UNAVAILABLE after its end."""
        try:
            await self._stream.send(value)
        except StreamError as refused:
            raise self._meant(refused) from None

    def end(self) -> None:
        """No more writes: the reader gets what was written, then the end. Later ones change nothing."""
        self._stream.complete()

    def error(self, failure: Exception) -> None:
        """End badly, after what was written. Of a stream that is over it changes nothing."""
        if not isinstance(failure, Exception):  # what ends tasks and processes is not for readers
            raise TypeError("a stream fails with an exception")
        over = self.errored is not None
        self._stream.error(failure)
        if not over and self._stream.state is Phase.ERRORED:
            self._failure = failure

    def pause(self) -> None:
        """Hold back what is read; writes go on until the buffer is full."""
        self._stream.pause()

    def resume(self) -> None:
        self._stream.resume()

    def cancel(self, reason: str = "Stream cancelled") -> None:
        """The reader wants no more: what is buffered is dropped, whoever waits learns of it. The first reason stays."""
        self._stream.cancel(reason)

    @property
    def state(self) -> State:
        return _STATES[self._stream.state]

    @property
    def readable(self) -> bool:
        """Whether a read may still answer a value."""
        return self.state in ("open", "closing") or self._stream.buffered_amount > 0

    @property
    def writable(self) -> bool:
        return self._stream.state is Phase.OPEN

    @property
    def closed(self) -> bool:
        """Whether it ended well and all of it was read."""
        return self._stream.state is Phase.COMPLETED

    @property
    def errored(self) -> Exception | None:
        """What it failed with; of a cancelled stream CANCELLED with the reason."""
        if self._stream.state in GIVEN_UP:
            try:
                self._stream.poll()  # it keeps nothing, and says why
            except StreamError as given_up:
                return given_up
        return self._failure

    @property
    def priority(self) -> int:
        return self._stream.priority

    @property
    def buffered_amount(self) -> int:
        """Values that were written and not read; writes that wait are not counted."""
        return self._stream.buffered_amount

    def _meant(self, refused: StreamError) -> Exception:
        """What to raise: the failure itself where the stream beneath shows it."""
        failure = self._failure
        if failure is None or isinstance(failure, _ENDS):
            return refused
        known = shown(failure)
        same = (known.code, known.message) == (refused.code, refused.message)
        # Or every reader would leave its traceback in it.
        return failure.with_traceback(None) if same else refused


class _Values(Generic[T]):
    """One iteration: the stream's own, which cancels when it is dropped before its end."""

    __slots__ = ("_items", "_stream")

    def __init__(self, stream: RaffelStream[T]) -> None:
        self._stream = stream
        self._items = aiter(stream._stream)  # noqa: SLF001 -- a part of its stream

    def __aiter__(self) -> _Values[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await anext(self._items)
        except StreamError as refused:
            raise self._stream._meant(refused) from None  # noqa: SLF001 -- a part of its stream


async def by_priority(
    streams: Iterable[RaffelStream[T]], starvation_bound: int | None = STARVATION_BOUND
) -> AsyncGenerator[tuple[RaffelStream[T], T | Exception], None]:
    """The values of several streams, each with its stream: of those that have one the highest priority goes first,
    equals in turn. One that was passed over `starvation_bound` times goes next; None: never.

    A stream that fails is shown once, with what it failed with; the others go on. Nothing is read ahead of demand, and
    whoever leaves early leaves the streams as they are.
    """
    faces = {id(stream._stream): stream for stream in streams}  # noqa: SLF001 -- the scheduler knows those beneath
    scheduler = AsyncScheduler([stream._stream for stream in faces.values()], starvation_bound)  # noqa: SLF001
    while (received := await scheduler.receive()) is not END:
        source, item = cast("tuple[Stream[T], T | StreamError]", received)
        face = faces[id(source)]
        yield face, face._meant(item) if isinstance(item, StreamError) else item  # noqa: SLF001
