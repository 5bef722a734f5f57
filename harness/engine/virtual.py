"""An event loop in virtual time: no I/O, no waiting, the same seed the same trace.

Time stands still while anything is ready to run and then jumps to the next timer. What runs here may neither do I/O nor
use threads: both are refused, since a loop that cannot see them would call them stuck. Never here: streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PASSES_MAX: Final = 200_000  # turns of the loop without time moving on: a live-lock


class NotVirtual(Exception):
    """Something that needs real time was tried in virtual time."""


class _Jump(selectors.BaseSelector):
    """Nothing is ever readable or writable. Asked to wait, it ends the loop's idleness first, then lets time jump."""

    def __init__(self) -> None:
        self.loop: VirtualLoop | None = None
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ARG002 -- its shape
        if self._keys and self.loop is not None:  # the first is the loop's own, with which threads wake it
            self.loop.refuse("it does I/O, which virtual time cannot see")
        self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, 0, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Any:
        return self._keys

    def select(self, timeout: float | None = None) -> list[Any]:
        assert self.loop is not None
        self.loop.nothing_ready(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`idle()` waits until nothing else can run, without letting time pass."""

    def __init__(self) -> None:
        selector = _Jump()
        self._now_s = 0.0
        self._passes = 0
        self._idlers: list[asyncio.Future[None]] = []
        self.refused = ""  # what needs real time was tried; whoever tried it may have swallowed the exception
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now_s

    async def idle(self) -> None:
        """Until every other task waits for somebody or for time. Raises `NotVirtual` for a live-lock."""
        self._passes = 0
        waiting: asyncio.Future[None] = self.create_future()
        self._idlers.append(waiting)
        await waiting

    def refuse(self, why: str) -> NoReturn:
        self.refused = why
        raise NotVirtual(why)

    def timers(self) -> int:
        """How many timers are set and not cancelled."""
        return sum(not handle.cancelled() for handle in self._scheduled)  # type: ignore[attr-defined]  # asyncio's own

    def nothing_ready(self, timeout: float | None) -> None:
        """Called once in every turn: with 0 while something is ready, else with the time to the next timer."""
        if timeout is not None and timeout <= 0:
            self._passes += 1
            if self._passes > PASSES_MAX and self._idlers:
                self._wake(NotVirtual("it keeps the loop busy without ever waiting"))
            return
        if self._idlers:
            self._wake(None)
        elif timeout is None:
            raise NotVirtual("nothing is ready and no timer is set")
        else:
            self._now_s += timeout

    def _wake(self, problem: Exception | None) -> None:
        idlers, self._idlers = self._idlers, []
        self._passes = 0
        for waiting in idlers:
            if not waiting.done():
                waiting.set_exception(problem) if problem else waiting.set_result(None)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]  # noqa: ARG002 -- its shape
        self.refuse("it uses threads, which virtual time cannot see")

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        if threading.get_ident() != self._thread_id:  # type: ignore[attr-defined]  # asyncio's own
            self.refused = "it uses threads, which virtual time cannot see"
        return super().call_soon_threadsafe(callback, *args, context=context)

    async def create_connection(self, *_: Any, **__: Any) -> Any:
        self.refuse("it does I/O, which virtual time cannot see")

    async def create_datagram_endpoint(self, *_: Any, **__: Any) -> Any:
        self.refuse("it does I/O, which virtual time cannot see")


def in_virtual_time(main: Callable[[VirtualLoop], Coroutine[Any, Any, Any]]) -> Any:
    """Run `main(loop)` to its end; waiting costs nothing. Works in any thread."""
    loop = VirtualLoop()
    loop.set_exception_handler(lambda *_: None)  # what an object leaves behind is its affair, not our stderr's
    try:
        return loop.run_until_complete(main(loop))
    finally:
        with contextlib.suppress(NotVirtual):
            _end(loop)
        loop.close()


def _end(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1))
    loop.run_until_complete(loop.shutdown_asyncgens())
