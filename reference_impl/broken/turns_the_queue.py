"""A queue that is left turned: whoever waited before the one that leaves now waits behind all others.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections import deque

    from streamspec.reference_impl.stream.holder import Ticket


def _withdraw(waiting: deque[Ticket[Any]], who: Ticket[Any]) -> None:
    # A ring is turned until it comes to the one that leaves, and is not turned back: nothing shows while it is the
    # first that leaves, or the last.
    waiting.rotate(-waiting.index(who))
    waiting.popleft()


VARIANT = Variant(
    name="turns-the-queue",
    sentence="When a send leaves the middle of those that wait, those before it lose their turn to those behind it.",
    where="stream",
    on=("inprocess",),
    kills="BP-02",
    because=("the send that waited longest goes on", "had waited longer, still waits"),
    seams=Seams(parts=Parts(withdraw=_withdraw)),
    by="fuzz",
)
