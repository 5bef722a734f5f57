"""`queue.Queue`: bounded and blocking between threads, and since Python 3.13 with an end. It claims no more than that.

Never here: what the queue does not do. A capacity of 0 is no rendezvous there, it is no bound at all.
"""

from __future__ import annotations

import queue
from typing import Any

from streamspec.harness.core.ports import Adapter


class _Queue:
    def __init__(self, made: queue.Queue[Any]) -> None:
        self._queue = made

    def send(self, item: Any) -> None:
        self._queue.put(item)

    def receive(self) -> Any:
        return self._queue.get()

    @property
    def buffered_amount(self) -> int:
        return self._queue.qsize()


class _Ending(_Queue):
    """`shutdown` (3.13) is both: an end that drains, and at once a cancel."""

    def __init__(self, made: Any) -> None:
        super().__init__(made)
        self._ending = made
        self._cancelled = False

    def receive(self) -> Any:
        try:
            return self._queue.get()
        except Exception as raised:
            if type(raised).__name__ == "ShutDown" and not self._cancelled:
                raise EOFError from raised
            raise

    def complete(self) -> None:
        self._ending.shutdown()

    def cancel(self) -> None:
        self._cancelled = True
        self._ending.shutdown(immediate=True)


def _wrap(made: Any) -> object:
    return _Ending(made) if hasattr(made, "shutdown") else _Queue(made)


QUEUE_QUEUE = Adapter(
    name="queue.Queue",
    sentence="put and get; shutdown, where there is one, completes and cancels",
    fits=lambda made: isinstance(made, queue.Queue),
    wrap=_wrap,
    claims=frozenset({"concurrent-senders"}),
)
