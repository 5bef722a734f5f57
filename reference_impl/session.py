"""One open stream, from its producer to its last frame: what no binding should repeat.

Never here: HTTP, encoding, sockets. A writer hands in `write`; what it does with bytes is its own affair.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from streamspec.reference_impl import coding
from streamspec.reference_impl.frame import Begun, Completed, Failed, Frame, Heartbeat
from streamspec.reference_impl.leaving_out import LeavesOut
from streamspec.reference_impl.outlet import Outlet
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.holder import GOOD
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.producing import produce_async
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.tabled import AsyncStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from streamspec.reference_impl.mount import Answer, Mount
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.routing import Asked, Limits
    from streamspec.reference_impl.seams import Seams
    from streamspec.reference_impl.told import Told

# That a client has left is heard in a turn of the loop; asyncio warns of every write but a few until then.
WRITES_A_TURN = 4
GRACE_S = 1.0  # for a producer to notice that its stream was cancelled, before its task is


@contextlib.asynccontextmanager
async def producing(asked: Asked, mount: Mount) -> AsyncIterator[ItemStream]:
    """A stream with its producer at work. Leaving cancels what is not over and waits for the producer."""
    seams, told = mount.seams, mount.told
    stream = _stream(asked.limits, seams)
    mount.open.add(stream)
    told.offered += asked.total or 0
    with contextlib.nullcontext() if asked.witness is None else asked.witness.attending(stream):
        seams.arrange(stream, partial(_cleaned_up, asked, told))
        if asked.inlet is not None:
            stream.on_end(partial(seams.input_over, asked.inlet, stream))
        outlet = Outlet(stream, told, seams.name, LeavesOut(stream, seams.lossy) if seams.lossy else None)
        producer = asyncio.create_task(_produce(asked, stream, outlet, seams))
        try:
            yield stream
        finally:
            stream.cancel()
            try:
                await asyncio.wait({producer}, timeout=seams.patience_s or GRACE_S)
            finally:
                if not producer.done():
                    outlet.learn()
                    producer.cancel()
                mount.open.discard(stream)
                told.ended += 1


def _stream(limits: Limits, seams: Seams) -> ItemStream:
    # The fast shell has no places where it could be broken.
    make: Callable[..., ItemStream] = partial(AsyncStream, parts=seams.parts)
    if seams.parts == GOOD:
        make = partial(Stream, seams.capacity)
    return make(deadline_s=limits.deadline_s, idle_s=limits.idle_s, send_timeout_s=limits.send_timeout_s)


def _cleaned_up(asked: Asked, told: Told) -> None:
    told.cleaned_up()
    if asked.witness is not None:
        asked.witness.run.cleaned_up()


async def pump(stream: ItemStream, answer: Answer, seams: Seams, write: Callable[[bytes], Awaitable[None]]) -> bool:
    """Write every frame of the stream. False if it was cancelled: then nothing more belongs on the wire."""
    encode = answer.binding.encoder()
    code = seams.code() if answer.gzip else coding.identity
    written = 0

    async def show(frame: Frame) -> None:
        nonlocal written
        if piece := encode(frame):
            await write(code(piece, last=False))
            written += 1
            if not written % WRITES_A_TURN:
                await asyncio.sleep(0)

    whole = await show_all(stream, answer.asked, seams, show)
    if whole and (last := code(b"", last=True)):
        await write(last)
    return whole


async def show_all(stream: ItemStream, asked: Asked, seams: Seams, show: Callable[[Frame], Awaitable[None]]) -> bool:
    """Show every frame of the stream, from its beginning to its end. False if it was cancelled: then nothing more is to
    be shown."""
    rewrite = seams.rewrite()
    beat_s = asked.values.get("heartbeat_ms", 0) / 1000

    async def show_rewritten(frame: Frame) -> None:
        for shown in rewrite(frame):
            await show(shown)

    deliver = seams.deliver(show_rewritten)
    frame: Frame | None = Begun(asked.total)
    while frame is not None:
        await deliver(frame)
        if isinstance(frame, Completed | Failed):
            return True
        frame = await _next_frame(stream, beat_s)
    return False


async def _next_frame(stream: ItemStream, beat_s: float) -> Frame | None:
    try:
        if not beat_s or stream.ready:  # what is there already needs no clock
            item = await stream.receive()
        else:
            # Not one heartbeat is ahead of demand: while a write waits for the client, none is made (BP-19).
            async with asyncio.timeout(beat_s):
                item = await stream.receive()
    except TimeoutError:
        return Heartbeat()
    except StreamError as failure:
        if stream.state is Phase.CANCELLED:
            return None
        return Failed(failure.code, failure.message)
    return Completed() if item is END else item


async def _produce(asked: Asked, stream: ItemStream, outlet: Outlet, seams: Seams) -> None:
    def end(stream: ItemStream, raised: BaseException | None) -> None:
        # A StreamError was meant for the consumer; what else a handler raises is shown as the seam says.
        if isinstance(raised, Exception) and not isinstance(raised, StreamError):
            seams.on_exception(stream, raised)
        else:
            seams.parts.after_handler(stream, raised)

    with outlet.at_work():
        await produce_async(stream, lambda _: asked.role.produce(outlet, asked.values), end, seams.parts.begins)
