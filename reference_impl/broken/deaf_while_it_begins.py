"""A cancel that comes too soon.

Never here: a second defect.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.outlet import ItemStream

YOUNG_S: Final = 0.02
_BEGAN: Final[WeakKeyDictionary[ItemStream, float]] = WeakKeyDictionary()


def _arrange(stream: ItemStream, clean_up: Callable[[], None]) -> None:
    _BEGAN[stream] = monotonic()
    stream.on_end(clean_up)


def _cancel(stream: ItemStream) -> None:
    if monotonic() - _BEGAN.get(stream, 0.0) > YOUNG_S:
        stream.cancel()


VARIANT = Variant(
    name="deaf-while-it-begins",
    sentence="A cancel that comes together with the start of its stream is lost.",
    where="app",
    on=("ws", "tcp"),
    kills="CN-19",
    because=("no items some time after a cancel", "after it had read the cancel"),
    also={
        "CN-03": "an early cancel is lost as well",
        "CN-08": "an early cancel is lost as well",
        "CN-09": "an early cancel is lost as well",
        "WS-05": "an early cancel is lost as well",
    },
    seams=Seams(arrange=_arrange, on_cancel_word=_cancel),
)
