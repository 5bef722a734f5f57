"""`asyncio.Queue`: bounded and blocking, and since Python 3.13 with an end. It claims no more than that.

Never here: what the queue does not do. A capacity of 0 is no rendezvous there, it is no bound at all.
"""

from __future__ import annotations

import asyncio
from typing import Any

from streamspec.harness.core.ports import Adapter


class _Queue:
    def __init__(self, queue: asyncio.Queue[Any]) -> None:
        self._queue = queue

    async def send(self, item: Any) -> None:
        await self._queue.put(item)

    async def receive(self) -> Any:
        return await self._queue.get()

    @property
    def buffered_amount(self) -> int:
        return self._queue.qsize()


class _Ending(_Queue):
    """`shutdown` (3.13) is both: an end that drains, and at once a cancel."""

    def __init__(self, queue: Any) -> None:
        super().__init__(queue)
        self._ending = queue
        self._cancelled = False

    async def receive(self) -> Any:
        try:
            return await self._queue.get()
        except Exception as raised:
            if type(raised).__name__ == "QueueShutDown" and not self._cancelled:
                raise EOFError from raised
            raise

    def complete(self) -> None:
        self._ending.shutdown()

    def cancel(self) -> None:
        self._cancelled = True
        self._ending.shutdown(immediate=True)


def _wrap(made: Any) -> object:
    return _Ending(made) if hasattr(made, "shutdown") else _Queue(made)


ASYNCIO_QUEUE = Adapter(
    name="asyncio.Queue",
    sentence="put and get; shutdown, where there is one, completes and cancels",
    fits=lambda made: isinstance(made, asyncio.Queue),
    wrap=_wrap,
    claims=frozenset({"concurrent-senders"}),
)
