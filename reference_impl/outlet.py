"""`Outlet`: the end of a stream that a producer is handed. It sends, it waits, and it counts into what is told.

Never here: a rule of the stream, or a producer.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import GIVEN_UP, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.leaving_out import LeavesOut
    from streamspec.reference_impl.stream.aio import Stream
    from streamspec.reference_impl.stream.marks import End
    from streamspec.reference_impl.stream.tabled import AsyncStream
    from streamspec.reference_impl.told import Told

    Name = Callable[[StreamError], StreamError]
    ItemStream = Stream[Produced] | AsyncStream[Produced]  # the second where a variant has broken the stream itself


def as_it_is(refused: StreamError) -> StreamError:
    return refused


class Outlet:
    """What producers may do with their stream."""

    __slots__ = ("_knows", "_leaves_out", "_name", "_stream", "_told")

    def __init__(
        self, stream: ItemStream, told: Told, name: Name = as_it_is, leaves_out: LeavesOut | None = None
    ) -> None:
        self._stream = stream
        self._told = told
        self._name = name
        self._leaves_out = leaves_out
        self._knows = False

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Around all that a producer does."""
        self._told.open += 1
        try:
            yield
        finally:
            self._told.open -= 1

    async def send(self, produced: Produced) -> None:
        """Hand over one item. Raises CANCELLED when the client has left."""
        told = self._told
        told.produced += 1
        sent = produced if self._leaves_out is None else await self._leaves_out(produced)
        if sent is None:
            return
        told.sending += 1
        try:
            await self._stream.send(sent)
        except StreamError as refused:
            self._heed(refused)
            raise self._name(refused) from None
        finally:
            told.sending -= 1

    async def take(self, inlet: Inlet) -> str | End:
        """The client's next item; END at its half-close. The end of the stream ends the wait; raises CANCELLED when the
        client has left."""
        try:
            return await inlet.take()
        except StreamError as refused:
            self._heed(refused)
            raise self._name(refused) from None

    async def sleep(self, seconds: float) -> None:
        """A pause. The end of the stream ends it; raises CANCELLED when the client has left."""
        try:
            await self._stream.sleep(seconds)
        except StreamError as refused:
            self._heed(refused)
            raise self._name(refused) from None

    def complete(self) -> None:
        self._stream.complete()

    def error(self, failure: Exception) -> None:
        self._stream.error(failure)

    @property
    def is_open(self) -> bool:
        return self._stream.state is Phase.OPEN

    @property
    def is_cancelled(self) -> bool:
        """Whether the client has left, and not only time run out."""
        return self._stream.state is Phase.CANCELLED

    @property
    def reason(self) -> str:
        """Why nobody wants more, once that is so: the words of a cancel, or that time is up. Empty before."""
        if self._stream.state not in GIVEN_UP:
            return ""
        try:
            self._stream.poll()
        except StreamError as told:
            return told.message
        return ""

    @property
    def remaining_s(self) -> float | None:
        """Until the stream's deadline, None without one."""
        return self._stream.remaining_s

    def on_end(self, cleanup: Callable[[], None]) -> None:
        self._stream.on_end(cleanup)

    def learn(self) -> None:
        """The producer learns that its client has left; counted once."""
        if not self._knows:
            self._knows = True
            self._told.cancelled += 1

    def _heed(self, refused: StreamError) -> None:
        # A deadline is told to producers by the same name, but no client has left.
        if refused.code is Code.CANCELLED and self._stream.state is not Phase.EXPIRED:
            self.learn()
