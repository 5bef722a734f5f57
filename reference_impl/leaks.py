"""What a stream or a request took and never gave back: what the leaking variants share.

Never here: which ending leaks (that is the variant's), or a leak without a bound.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.stream.table import Phase

GiveBack = Callable[[], None]

MOST_KEPT: Final = 500  # of each variant: enough to be seen, and the process goes on


def a_file() -> GiveBack:
    """Take a descriptor."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    return lambda: os.close(descriptor)


def a_thread() -> GiveBack:
    """Take a thread, which waits until it is given back."""
    over = threading.Event()
    threading.Thread(target=over.wait, daemon=True).start()
    return over.set


class Leak:
    """Keeps what was taken, and gives back what is beyond `MOST_KEPT`."""

    def __init__(self) -> None:
        self._kept: list[GiveBack] = []

    def keep(self, give_back: GiveBack) -> None:
        if len(self._kept) < MOST_KEPT:
            self._kept.append(give_back)
        else:
            give_back()


class KeptAfter:
    """Arranges that each stream takes something when it begins, and gives it back unless it ends as `phase` says."""

    def __init__(self, phase: Phase, take: Callable[[], GiveBack]) -> None:
        self.leak = Leak()
        self._phase = phase
        self._take = take

    def __call__(self, stream: ItemStream, clean_up: Callable[[], None]) -> None:
        give_back = self._take()
        stream.on_end(clean_up)
        stream.on_end(lambda: self.leak.keep(give_back) if stream.state is self._phase else give_back())
