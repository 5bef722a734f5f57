"""Waiting senders in the wrong order.

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


def _latest(waiting: deque[Ticket[Any]]) -> Ticket[Any]:
    return waiting.pop()


VARIANT = Variant(
    name="last-come-first-served",
    sentence="Of the sends that wait the latest goes on first.",
    where="stream",
    on=("inprocess",),
    kills="BP-02",
    because=("the send that waited longest goes on", "had waited longer, still waits"),
    seams=Seams(parts=Parts(release=_latest)),
)
