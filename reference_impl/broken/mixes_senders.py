"""Items written into one another.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Accepted, Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections import deque
    from typing import Any


def _mixed(buffer: deque[Accepted[Any]]) -> Accepted[Any]:
    first = buffer.popleft()
    if not buffer or not isinstance(first.item, str) or not isinstance(buffer[0].item, str):
        return first
    second = buffer[0]
    buffer[0] = Accepted(second.place, first.item[:1] + second.item[1:])
    return Accepted(first.place, second.item[:1] + first.item[1:])


VARIANT = Variant(
    name="mixes-senders",
    sentence="The first letters of two texts that are buffered side by side change places.",
    where="stream",
    on=("inprocess",),
    kills="OI-15",
    because=("items as they were sent", "which nobody sent"),
    also={
        "OI-02": "what was sent does not arrive, and what arrives was not sent",
    },
    seams=Seams(parts=Parts(take=_mixed)),
)
