"""`ServerStream` and its `Context`: one call as its handler sees it, in the words of gRPC's Go servers.

All that waits, ends and is cancelled is that of two streams beneath: what goes out and what has come in. A call that
its client has left is CANCELLED and one whose time is up TIMED_OUT, whatever a handler was doing: neither is ever
INTERNAL. Never here: gRPC, octets of a message, a method.
"""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END, End
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from streamspec.reference_impl.told import Told

T = TypeVar("T")
In = TypeVar("In")
Out = TypeVar("Out")

SENT_AHEAD_ITEMS: Final = 16  # that a handler has sent and the client's window has not taken
RECEIVED_AHEAD_ITEMS: Final = 1  # that have come and no handler has taken
BUFFER_ITEMS: Final = 100  # between a producer and `send`, in `stream_with_backpressure`
FIRST_MESSAGE_S: Final = 10.0  # for a request that is one message
_GONE: Final = "the client has left"


def leave(stream: Stream[Any]) -> None:
    """Of one that has ended it changes nothing."""
    stream.cancel()


class Context:
    """Whether anybody waits for the call still. It is over when its stream is, however that ended."""

    def __init__(self, outward: Stream[bytes], told: Told) -> None:
        self._outward = outward
        self._told = told
        self._over = threading.Event()
        self._knows = False
        self.failure: StreamError | None = None  # with which the server itself has ended the call
        outward.on_end(self._over.set)

    @property
    def err(self) -> StreamError | None:
        """Why the call is over: CANCELLED, TIMED_OUT (`status.FromContextError`), or the server's own reason."""
        phase = self._outward.state
        if phase is Phase.CANCELLED:
            self.learn()
            return errors.cancelled(_GONE)
        if phase is Phase.EXPIRED:
            return errors.expired()
        return None if self.failure is None else StreamError(self.failure.code, self.failure.message)

    def check(self) -> None:
        """Raises `err`, if there is one: what a handler does between two steps of its work."""
        if (failure := self.err) is not None:
            raise failure

    def is_over(self) -> bool:
        """For any thread: whether nobody waits for the call any more."""
        return self._over.is_set()

    def on_done(self, cleanup: Callable[[], None]) -> None:
        """`cleanup` is called once: when the call is over, or now if it is."""
        self._outward.on_end(cleanup)

    async def sleep(self, seconds: float) -> None:
        """A pause, which the end of the call ends. Raises `err`."""
        try:
            await self._outward.sleep(seconds)
        except StreamError as refused:
            raise (self.err or refused) from None
        self.check()

    def learn(self) -> None:
        """The handler learns that its client has left, if that is so; counted once."""
        if self._outward.state is Phase.CANCELLED and not self._knows:
            self._knows = True
            self._told.cancelled += 1

    @property
    def remaining_s(self) -> float | None:
        """Until the call's deadline, None without one."""
        return self._outward.remaining_s


class ServerStream(Generic[In, Out]):
    """The two directions of a call. `encode` makes a message of what is sent: whoever sends hears of what is none."""

    __slots__ = ("_encode", "_inward", "_outward", "_told", "context")

    def __init__(self, inward: Stream[In], outward: Stream[bytes], encode: Callable[[Out], bytes], told: Told) -> None:
        self._inward = inward
        self._outward = outward
        self._encode = encode
        self._told = told
        self.context = Context(outward, told)

    async def send(self, message: Out) -> None:
        """Returns when it is on its way, not when it has come. Waits for a client that does not read. Raises
        CANCELLED, TIMED_OUT, or UNAVAILABLE behind `send_and_close`."""
        octets = self._encode(message)
        told = self._told
        told.produced += 1
        told.sending += 1
        try:
            await self._outward.send(octets)
        except StreamError as refused:
            raise (self.context.err or refused) from None
        finally:
            told.sending -= 1

    async def send_and_close(self, message: Out) -> None:
        """The last one, or the only one."""
        await self.send(message)
        self._outward.complete()

    async def recv(self) -> In | End:
        """The client's next message; END at its half-close, again and again. An input that broke off has no END."""
        try:
            return await self._inward.receive()
        except StreamError as refused:
            raise (self.context.err or refused) from None

    async def request(self) -> In:
        """The client's message where exactly one is due, once it has said that it is the only one. Raises
        UNIMPLEMENTED for none and for two (gRPC, statuscodes)."""
        try:
            async with asyncio.timeout(FIRST_MESSAGE_S):
                first = await self.recv()
                if first is not END and await self.recv() is END:
                    return first
        except TimeoutError:
            raise StreamError(Code.TIMED_OUT, f"there was no whole request within {FIRST_MESSAGE_S:g} s") from None
        raise StreamError(Code.UNIMPLEMENTED, "one message is due")

    def end(self, failure: StreamError) -> None:
        """The server itself ends the call: the client gets what was sent, and then this."""
        if self._outward.state is Phase.OPEN:
            self.context.failure = failure
            self._outward.error(failure)


async def stream_with_backpressure(
    stream: ServerStream[In, T], items: AsyncIterable[T] | Iterable[T], buffer_items: int = BUFFER_ITEMS
) -> None:
    """Send all items, with a buffer between whoever makes them and whoever reads: the producer is that many ahead and
    no more. It stops when the call is over, and what it raises ends the call behind what it had made."""
    buffer: Stream[T] = Stream(buffer_items)
    stream.context.on_done(partial(leave, buffer))
    producer = asyncio.create_task(buffer.feed(items))
    try:
        async for item in buffer:
            await stream.send(item)
    except StreamError as failure:
        raise (stream.context.err or failure) from None
    finally:
        buffer.cancel()  # which ends the feeding
        try:
            await asyncio.wait({producer})
        except asyncio.CancelledError:  # a source that does not end when it is closed is not waited for without end
            producer.cancel()
            raise
