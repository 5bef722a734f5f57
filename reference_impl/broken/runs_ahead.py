"""A producer that nobody stops.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl import bulk
from streamspec.reference_impl.frame import Frame, Item
from streamspec.reference_impl.roles import BREATH, ENVELOPE_BYTES, MOST_LARGE_ITEMS, ROLES
from streamspec.reference_impl.seams import Rewrite, Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values


@dataclass(frozen=True, slots=True)
class _Ticket:
    """An item that is made only when it is written, so that a queue of them needs little memory."""

    n: int
    chars: int


async def _large(outlet: Outlet, values: Values) -> None:
    for n in range(1, values["n"] + 1):
        ticket: Any = _Ticket(n, values["item_bytes"] - ENVELOPE_BYTES)
        await outlet.send(ticket)
        if n % BREATH == 0:
            await asyncio.sleep(0)
    outlet.complete()


def _rewrite() -> Rewrite:
    def rewrite(frame: Frame) -> tuple[Frame, ...]:
        if isinstance(frame, _Ticket):
            return (Item(frame.n, bulk.text(frame.n, frame.chars)),)
        return (frame,)

    return rewrite


GOOD = next(role for role in ROLES if role.path == "/large")


VARIANT = Variant(
    name="runs-ahead",
    sentence="The queue between producer and wire has no bound, and the large producer fills it with tickets.",
    where="app",
    on=("ndjson",),
    kills="BP-05",
    because=("items produced", "further ahead of a reader that stands still"),
    seams=Seams(roles=(replace(GOOD, produce=_large),), capacity=MOST_LARGE_ITEMS, rewrite=_rewrite),
)
