"""One open stream, from its producer to its last frame: what no binding should repeat.

Never here: HTTP, encoding, sockets. A binding hands in `write`; what it does with bytes is its own affair.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from streamspec.reference_impl.frame import Completed, Failed, Frame, Item
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.holder import GOOD
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.producing import produce_async
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.tabled import AsyncStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streamspec.reference_impl.roles import ItemStream
    from streamspec.reference_impl.routing import Asked
    from streamspec.reference_impl.seams import Seams

GRACE_S = 1.0  # for a producer to notice that its stream was cancelled, before its task is


@contextlib.asynccontextmanager
async def producing(asked: Asked, seams: Seams) -> AsyncIterator[ItemStream]:
    """A stream with its producer at work. Leaving cancels what is not over and waits for the producer."""
    # The fast shell has no places where it could be broken.
    stream: ItemStream = Stream() if seams.parts == GOOD else AsyncStream(parts=seams.parts)
    producer = asyncio.create_task(_produce(asked, stream, seams))
    try:
        yield stream
    finally:
        stream.cancel()
        try:
            await asyncio.wait({producer}, timeout=GRACE_S)
        finally:
            producer.cancel()


async def pump(stream: ItemStream, seams: Seams, write: Callable[[bytes], Awaitable[None]]) -> bool:
    """Write every frame of the stream. False if it was cancelled: then nothing more belongs on the wire."""
    rewrite = seams.rewrite()
    while True:
        frame = await _next_frame(stream)
        if frame is None:
            return False
        for shown in rewrite(frame):
            await write(seams.encode(shown))
        if not isinstance(frame, Item):
            return True


async def _next_frame(stream: ItemStream) -> Frame | None:
    try:
        item = await stream.receive()
    except StreamError as failure:
        if stream.state is Phase.CANCELLED:
            return None
        return Failed(failure.code, failure.message)
    return Completed() if item is END else item


async def _produce(asked: Asked, stream: ItemStream, seams: Seams) -> None:
    def end(stream: ItemStream, raised: BaseException | None) -> None:
        # A StreamError was meant for the consumer; what else a handler raises is shown as the seam says.
        if isinstance(raised, Exception) and not isinstance(raised, StreamError):
            seams.on_exception(stream, raised)
        else:
            seams.parts.after_handler(stream, raised)

    await produce_async(stream, lambda stream: asked.role.produce(stream, asked.values), end)


def go_away(stream: ItemStream) -> None:
    """The server stops: an open stream is told so (LC-15)."""
    if stream.state is Phase.OPEN:
        stream.error(StreamError(Code.UNAVAILABLE, "the server is shutting down"))
