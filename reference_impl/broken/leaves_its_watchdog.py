"""Somebody who waits for a deadline that nobody needs any more.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.leaks import Leak, a_thread
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.outlet import ItemStream

_LEFT: Final = Leak()


def _arrange(stream: ItemStream, clean_up: Callable[[], None]) -> None:
    stream.on_end(clean_up)
    if stream.remaining_s is not None:
        _LEFT.keep(a_thread())


VARIANT = Variant(
    name="leaves-its-watchdog",
    sentence="A thread watches the deadline of each stream, and goes on when the stream is over.",
    where="app",
    kills="RL-06",
    because=("threads in batches of", "ended before their deadline"),
    seams=Seams(arrange=_arrange),
)
