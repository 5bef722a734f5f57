"""A stack instead of a queue.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections import deque
    from typing import Any

    from streamspec.reference_impl.stream.holder import Accepted


def _newest(buffer: deque[Accepted[Any]]) -> Accepted[Any]:
    return buffer.pop()


VARIANT = Variant(
    name="newest-first",
    sentence="Of what is buffered the newest item is received first.",
    where="stream",
    on=("inprocess",),
    kills="OI-01",
    because=("before producer:", " first"),
    also={
        "OI-15": "each sender's items come in the wrong order too",
        "BP-07": "nor do they come in order after a stall",
    },
    seams=Seams(parts=Parts(take=_newest)),
)
