"""`Outlet`: the end of a stream that a producer is handed. It sends, it waits, and it counts into what is told.

Never here: a rule of the stream, or a producer.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.stream.aio import Stream
    from streamspec.reference_impl.stream.tabled import AsyncStream
    from streamspec.reference_impl.told import Told

    ItemStream = Stream[Produced] | AsyncStream[Produced]  # the second where a variant has broken the stream itself


class Outlet:
    """What producers may do with their stream."""

    __slots__ = ("_knows", "_stream", "_told")

    def __init__(self, stream: ItemStream, told: Told) -> None:
        self._stream = stream
        self._told = told
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
        told.sending += 1
        try:
            await self._stream.send(produced)
        except StreamError as refused:
            self._heed(refused)
            raise
        finally:
            told.sending -= 1

    async def sleep(self, seconds: float) -> None:
        """A pause. The end of the stream ends it; raises CANCELLED when the client has left."""
        try:
            await self._stream.sleep(seconds)
        except StreamError as refused:
            self._heed(refused)
            raise

    def complete(self) -> None:
        self._stream.complete()

    def on_end(self, cleanup: Callable[[], None]) -> None:
        self._stream.on_end(cleanup)

    def learn(self) -> None:
        """The producer learns that its client has left; counted once."""
        if not self._knows:
            self._knows = True
            self._told.cancelled += 1

    def _heed(self, refused: StreamError) -> None:
        if refused.code is Code.CANCELLED:
            self.learn()
