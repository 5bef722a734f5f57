"""Calls in threads of their own, and how a test knows that one has parked.

Never here: a stream.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Start = Callable[..., "Future[Any]"]


@contextlib.contextmanager
def started_calls(longest_s: float) -> Iterator[Start]:
    """Run a call in a thread of its own. No such thread may be left when the test is over."""
    started: list[threading.Thread] = []

    def start(call: Callable[..., Any], *arguments: object) -> Future[Any]:
        done: Future[Any] = Future()

        def run() -> None:
            try:
                done.set_result(call(*arguments))
            except BaseException as raised:  # noqa: BLE001 -- whatever it is, the test asks for it
                done.set_exception(raised)

        started.append(threading.Thread(target=run, daemon=True))
        started[-1].start()
        return done

    yield start
    for thread in started:
        thread.join(longest_s)
    assert [thread for thread in started if thread.is_alive()] == []


class ParkedQueue(deque[Any]):
    """A queue of parked calls that tells when somebody has parked."""

    def __init__(self) -> None:
        super().__init__()
        self.parked = threading.Semaphore(0)

    def append(self, parked: Any, /) -> None:
        super().append(parked)
        self.parked.release()
