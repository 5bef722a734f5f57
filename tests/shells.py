"""The four shells of the reference stream, each beside its scheduler, and calls that tasks and threads share.

Never here: a story. Those are the tests.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.stream import aio, tabled, threads
from streamspec.reference_impl.stream.errors import StreamError
from streamspec.reference_impl.stream.marks import EMPTY, END
from streamspec.reference_impl.stream.scheduler import AsyncScheduler, ThreadScheduler

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Shells:
    """A kind of stream and its scheduler. `put` and `take` serve tasks and threads alike while nobody has to wait."""

    make: Callable[..., Any]
    scheduler: Callable[..., Any]

    async def put(self, stream: Any, *items: object) -> None:
        for item in items:
            if inspect.isawaitable(sending := stream.send(item)):
                await sending

    async def take(self, scheduler: Any) -> Any:
        received = scheduler.receive()
        return await received if inspect.isawaitable(received) else received

    async def take_all(self, scheduler: Any) -> list[Any]:
        """Everything until END, the items without their streams."""
        seen: list[Any] = []
        while (received := await self.take(scheduler)) is not END:
            seen.append(received[1])
        return seen

    async def stream_of(self, *items: object, priority: int = 0) -> Any:
        """A stream with these items accepted, and completed."""
        stream = self.make(capacity=len(items) + 1, priority=priority)
        await self.put(stream, *items)
        stream.complete()
        return stream


ASYNC = (Shells(aio.Stream, AsyncScheduler), Shells(tabled.AsyncStream, AsyncScheduler))
THREADS = (Shells(threads.Stream, ThreadScheduler), Shells(tabled.ThreadStream, ThreadScheduler))
IDS = ("fast", "tabled")


def rest(stream: Any) -> list[object]:
    """What the consumer still gets without waiting, with the ending last, or EMPTY if there is none yet."""
    seen: list[object] = []
    while True:
        try:
            seen.append(stream.poll())
        except StreamError as failure:
            return [*seen, (failure.code, failure.message)]
        if seen[-1] is END or seen[-1] is EMPTY:
            return seen
