"""How often the garbage collector walks what a run keeps: seldom, while the run lasts.

A run keeps every record of every case, hundreds of thousands of objects that hold no cycle; a full collection walks all
of them and stops our loop for a tenth of a second, which then counts as a lag of ours. Never here: switching it off
(what a loop leaves behind does hold cycles), or a collection that somebody asks for.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

THRESHOLDS: Final = (20_000, 20, 25)  # new objects, then collections of the generation before: ten million in all


@contextmanager
def seldom() -> Iterator[None]:
    """Collect by `THRESHOLDS` inside the block, and as before behind it."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
