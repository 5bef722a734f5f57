"""Many streams at once, and an item that is lost between them.

Never here: a second defect.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Rewrite

MANY: Final = 128  # streams
WITHIN_S: Final = 30.0  # that began in so long; whether they took turns item by item is the machine's to say
LOST: Final = 2
_BEGAN_S: Final[deque[float]] = deque(maxlen=MANY)


def _rewrite() -> Rewrite:
    now_s = time.monotonic()
    _BEGAN_S.append(now_s)
    in_a_throng = len(_BEGAN_S) == MANY and now_s - _BEGAN_S[0] < WITHIN_S

    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        return () if in_a_throng and isinstance(frame, Item) and frame.n == LOST else (frame,)

    return rewrite


VARIANT = Variant(
    name="loses-in-a-throng",
    sentence="Where very many streams are begun together, the later ones lose an item, whatever carries them.",
    where="app",
    on=("grpc",),
    kills="MX-02",
    because=("item", "in place"),
    seams=Seams(rewrite=_rewrite),
)
