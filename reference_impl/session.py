"""One open stream, from its producer to its last frame: what no binding should repeat.

Never here: HTTP, encoding, sockets. A binding hands in `write`; what it does with bytes is its own affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from streamspec.reference_impl.frame import Completed, Failed, Frame, Item
from streamspec.reference_impl.stream.aio import END, Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streamspec.reference_impl.routing import Asked
    from streamspec.reference_impl.seams import Seams

GRACE_S = 1.0  # for a producer to notice that its stream was cancelled, before its task is

_log = logging.getLogger("streamspec.reference")


@contextlib.asynccontextmanager
async def producing(asked: Asked, seams: Seams) -> AsyncIterator[Stream[Item]]:
    """A stream with its producer at work. Leaving cancels what is not over and waits for the producer."""
    stream: Stream[Item] = Stream(step=seams.step)
    producer = asyncio.create_task(_produce(asked, stream, seams))
    try:
        yield stream
    finally:
        stream.cancel()
        try:
            await asyncio.wait({producer}, timeout=GRACE_S)
        finally:
            producer.cancel()


async def pump(stream: Stream[Item], seams: Seams, write: Callable[[bytes], Awaitable[None]]) -> bool:
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


async def _next_frame(stream: Stream[Item]) -> Frame | None:
    try:
        item = await stream.receive()
    except StreamError as failure:
        if stream.state.phase is Phase.CANCELLED:
            return None
        return Failed(failure.code, failure.message)
    return Completed() if item is END else item


async def _produce(asked: Asked, stream: Stream[Item], seams: Seams) -> None:
    try:
        await asked.role.produce(stream, asked.values)
    except StreamError as failure:
        # Its own stream's CANCELLED is not news; another stream's failure, relayed, is this one's.
        _end(stream, failure.code, failure.message)
    except Exception as raised:  # noqa: BLE001 -- whatever a handler raises becomes the stream's error (LC-07)
        _log.info("a producer failed", exc_info=raised)
        seams.on_exception(stream, raised)
    else:
        # The consumer must not be left waiting (LC-06).
        _end(stream, Code.INTERNAL, "the handler returned without ending its stream")


def fail_safely(stream: Stream[Item], raised: Exception) -> None:
    """What the consumer may know of a handler's exception: that there was one (ER-10)."""
    _end(stream, Code.INTERNAL, "the handler failed")


def _end(stream: Stream[Item], code: Code, message: str) -> None:
    if stream.state.phase is Phase.OPEN:
        stream.error(code, message)


def go_away(stream: Stream[Item]) -> None:
    """The server stops: an open stream is told so (LC-15)."""
    _end(stream, Code.UNAVAILABLE, "the server is shutting down")
