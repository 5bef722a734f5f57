"""`Listeners`: the calls that a task's cancel owes to others, made where they may take as long as they like.

A listener is foreign code. Whoever cancels in a thread of his own waits for it; the thread of an event loop never
does. Not the task's pool: there it would wait for a thread, perhaps for the one that its handler keeps until it has
come. Never here: whether a task is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Listener = Callable[[], None]

_log: Final = logging.getLogger("streamspec.reference")


class Listeners:
    """Of one task, in order. Each is run by whoever takes it out, so no lock is needed."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Listener] = deque()

    def add(self, listener: Listener) -> None:
        self._waiting.append(listener)

    def forget(self) -> None:
        self._waiting.clear()

    def run(self, name: str) -> None:
        """Once each; in a thread of this name if this one is an event loop's."""
        if not (taken := self._taken()):
            return
        if not _serves_a_loop():
            _run_each(taken)
            return
        thread = threading.Thread(target=partial(_run_each, taken), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            _log.warning("%s can have no thread: its listeners run in the event loop's", name)
            _run_each(taken)

    def _taken(self) -> list[Listener]:
        taken: list[Listener] = []
        while self._waiting:
            try:
                taken.append(self._waiting.popleft())
            except IndexError:  # somebody else has taken the last
                break
        return taken


def _serves_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_each(listeners: Iterable[Listener]) -> None:
    for listener in listeners:
        try:
            listener()
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # noqa: BLE001 -- not even an exit keeps the others from hearing of it
            seen = (type(raised), raised, raised.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(seen))
