"""An event loop in a thread of its own, for doors whose callers block: work goes in, its result comes back.

Never here: what the work is.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
LEAVING_S: Final = 60.0  # for what is under way to be ended


class LoopThread:
    """Runs until it is closed. The thread is a daemon: it never holds back the end of the process."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def do(self, work: Coroutine[None, None, T]) -> T:
        """Its result, when it is there. Raises what it raises; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what is left, and end."""
        if self._loop.is_closed():
            return
        if not self.do(_ended()):
            return  # somebody of ours does not go: a daemon ends with us
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LEAVING_S)
        self._loop.close()


async def _ended() -> bool:
    """Cancel every other task of this loop; whether all of them went."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if not left:
        return True
    _, late = await asyncio.wait(left, timeout=LEAVING_S)
    return not late
