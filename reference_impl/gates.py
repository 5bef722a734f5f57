"""`Gates`: those of one run, each opened once by name from outside, before or while a handler waits for it.

Never here: a stream, a request, or a gate that closes again.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_GATES: Final = 64  # that are opened, of one run: a name that no script has may be opened as well


class TooManyGates(Exception):
    """Somebody opens gates without end."""


class Gates:
    """Which gates are open, and who waits for which."""

    __slots__ = ("_open", "_wakes")

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._wakes: list[tuple[str, Callable[[], None]]] = []

    def open(self, name: str) -> None:
        """Open it, and wake whoever waits for it. Raises `TooManyGates`."""
        if name in self._open:
            return
        if len(self._open) >= MOST_GATES:
            raise TooManyGates
        self._open.add(name)
        for awaited, wake in tuple(self._wakes):
            if awaited == name:
                wake()

    def is_open(self, name: str) -> bool:
        return name in self._open

    @contextlib.contextmanager
    def watched(self, name: str, wake: Callable[[], None]) -> Iterator[None]:
        """While in here `wake()` is called, once, when the gate opens. It must not be open yet."""
        waiting = (name, wake)
        self._wakes.append(waiting)
        try:
            yield
        finally:
            self._wakes.remove(waiting)
