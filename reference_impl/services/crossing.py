"""From threads to tasks: what a stream for threads holds goes out through an outlet, and no thread waits for that.

Never here: an item's meaning, a thread, a rule of either stream.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.stream.marks import Empty, End

LEFT: Final = "the client has left"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    """What this module needs of a stream for threads: its consumer's end, and nothing that waits."""

    def poll(self) -> T_co | End | Empty: ...

    def on_ready(self, wake: Callable[[], None], /) -> None: ...

    def cancel(self, reason: str = "", /) -> object: ...


async def received(source: Source[T]) -> AsyncGenerator[T, None]:
    """The items of a stream whose producers are threads, for a task. Raises the stream's error. Leaving early cancels.

    Nothing is taken ahead of demand: the producers wait in the source for whoever iterates.
    """
    loop = asyncio.get_running_loop()
    turn = asyncio.Event()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has gone meanwhile: so has whoever would be woken
            loop.call_soon_threadsafe(turn.set)

    try:
        while (item := source.poll()) is not END:
            if item is EMPTY:
                turn.clear()
                source.on_ready(wake)
                await turn.wait()
            else:
                yield item
    finally:
        source.cancel()  # of one that has ended it changes nothing


@contextlib.asynccontextmanager
async def carried(source: Source[T], outlet: Outlet) -> AsyncIterator[AsyncGenerator[T, None]]:
    """Around all that a producer does with what it takes from the source: a client that leaves cancels the source at
    once, though nothing is sent just then."""
    outlet.on_end(partial(_leave, source, outlet))
    async with contextlib.aclosing(received(source)) as items:
        try:
            yield items
        except StreamError:
            if outlet.is_cancelled:
                outlet.learn()
            raise


async def carry(source: Source[T], outlet: Outlet, frame: Callable[[int, T], Produced]) -> None:
    """Send on all of the source, numbered from 1, and end as it ends. A client that leaves cancels the source. Raises
    what the source or the client ended with."""
    number = 0
    async with carried(source, outlet) as items:
        async for item in items:
            number += 1
            await outlet.send(frame(number, item))
    outlet.complete()


def _leave(source: Source[object], outlet: Outlet) -> None:
    source.cancel(LEFT if outlet.is_cancelled else "")
