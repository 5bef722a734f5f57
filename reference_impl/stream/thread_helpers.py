"""`Helpers`: threads for whatever may take long, as many as are at work at once; an idle one helps again, or ends.

Never here: a queue. A job that waited for another one's thread would wait for foreign code.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LINGER_S: Final = 1.0  # an idle thread waits so long for another job


class _Helper:
    """One thread, and what it does next."""

    __slots__ = ("job", "thread", "wake")

    def __init__(self, job: Callable[[], object]) -> None:
        self.job: Callable[[], object] | None = job
        self.thread: threading.Thread | None = None
        self.wake = wake = allocate_lock()
        wake.acquire()


class Helpers:
    """Their threads are daemons."""

    __slots__ = ("_idle", "_linger_s", "_name")

    def __init__(self, name: str, linger_s: float = LINGER_S) -> None:
        self._name = name
        self._linger_s = linger_s
        self._idle: deque[_Helper] = deque()  # whoever takes one out of it gives it its job, or is that one and ends

    def run(self, job: Callable[[], object]) -> None:
        """In another thread, at once; in this one only where no thread can be started."""
        helper = self._take()
        if helper is not None:
            helper.job = job
            helper.wake.release()
            return
        helper = _Helper(job)
        helper.thread = threading.Thread(target=self._help, args=(helper,), name=self._name, daemon=True)
        try:
            helper.thread.start()
        except RuntimeError:
            job()

    def _take(self) -> _Helper | None:
        while True:
            try:
                helper = self._idle.pop()
            except IndexError:
                return None
            # A fork leaves the threads behind, but not who was idle.
            if helper.thread is not None and helper.thread.is_alive():
                return helper

    def _help(self, helper: _Helper) -> None:
        while helper.job is not None:
            job, helper.job = helper.job, None
            job()
            del job  # nothing of it lives on in an idle thread
            self._idle.append(helper)
            if not helper.wake.acquire(timeout=self._linger_s) and not self._leaves(helper):
                helper.wake.acquire()  # a job came at the last moment

    def _leaves(self, helper: _Helper) -> bool:
        try:
            self._idle.remove(helper)
        except ValueError:
            return False
        return True
