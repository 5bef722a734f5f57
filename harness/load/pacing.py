"""A loop whose timers fire in microseconds: asyncio's own wait in whole milliseconds, and are late by up to one.

Never here: what a timer is for.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import sys


def fine_loop() -> asyncio.AbstractEventLoop:
    """Such a loop where the system has epoll (Linux); elsewhere asyncio's own."""
    if sys.platform != "linux":
        return asyncio.new_event_loop()

    class FineSelector(selectors.EpollSelector):
        """epoll_wait(2) counts milliseconds, and select(2) on its descriptor does not. That descriptor is among the
        first of the process, so that select can have it."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is not None and timeout > 0:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
            return super().select(timeout)

    return asyncio.SelectorEventLoop(FineSelector())
