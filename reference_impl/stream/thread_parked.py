"""`Parked`, a thread's call that waits in a queue of its stream, and how everybody is told what a step has decided.

Never here: who is answered, or with what (thread_guarded.py); the lock of a stream, which must be free to tell.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable

    from streamspec.reference_impl.stream.errors import StreamError

T = TypeVar("T")
News = Sequence["Callable[[], object]"]  # of listeners first, then of parked calls, watchers and what is dropped


class Parked(Generic[T]):
    """A call in a queue. Once it waits no longer, it has been answered by an item or a refusal, or was given up."""

    __slots__ = ("item", "place", "queue", "refusal", "waits", "wake")

    def __init__(self, queue: deque[Parked[T]], item: Any = None) -> None:
        self.item = item  # what a send brings, or what a receive was given
        self.place = 0  # in the order of all receives that were served while parked
        self.queue = queue
        self.refusal: StreamError | None = None
        self.waits = True
        self.wake = wake = allocate_lock()  # released once, to wake the caller
        wake.acquire()

    def sit(self, timeout_s: float | None) -> bool:
        """Wait for the answer. False: the time is up."""
        if timeout_s is None:
            return self.wake.acquire()
        return self.wake.acquire(timeout=min(max(timeout_s, 0), threading.TIMEOUT_MAX))


def run_each(called: Iterable[Callable[[], None]]) -> None:
    """One that raises neither stops the others nor reaches the caller."""
    for call in called:
        try:
            call()
        except Exception as raised:  # noqa: BLE001 -- one bad listener must not starve the others (seeds 2.6, invariant 8)
            seen = (type(raised), raised, raised.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(seen))


def tell(news: News) -> None:
    """What a step wanted done once the lock is free."""
    if len(news) == 1:
        news[0]()
        return
    calls = iter(news)
    try:
        for call in calls:
            call()
    finally:  # an interrupt in a listener must keep nobody asleep
        for call in calls:
            call()
