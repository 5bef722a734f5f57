"""Work that a producer leaves behind.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.disconnects import DEAF_S, Few
from streamspec.reference_impl.roles import ROLES, item
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Produce, Values

PERIOD_S = 0.005


class _Stubborn:
    """A role's producer that starts another one when it is told that its client has left."""

    def __init__(self, produce: Produce) -> None:
        self._produce = produce
        self._few = Few()
        self._left_behind: set[asyncio.Task[None]] = set()  # a loop alone would forget them

    async def __call__(self, outlet: Outlet, values: Values) -> None:
        try:
            await self._produce(outlet, values)
        except StreamError as told:
            if told.code is Code.CANCELLED:
                left_behind = asyncio.create_task(self._go_on(outlet))
                self._left_behind.add(left_behind)
                left_behind.add_done_callback(self._left_behind.discard)
            raise

    async def _go_on(self, outlet: Outlet) -> None:
        loop = asyncio.get_running_loop()
        with outlet.at_work(), self._few.one_more() as room:
            until_s = loop.time() + (DEAF_S if room else 0)
            while loop.time() < until_s:
                with contextlib.suppress(StreamError):
                    await outlet.send(item(1))
                await asyncio.sleep(PERIOD_S)


GOOD = next(role for role in ROLES if role.path == "/endless")

VARIANT = Variant(
    name="produces-for-nobody",
    sentence="An endless producer that is told that its client has left leaves one behind that goes on for minutes.",
    where="app",
    on=("json_array",),
    kills="CN-08",
    because=("items in", "after the client had left"),
    also={"CN-11": "the same, however the client left"},
    seams=Seams(roles=(replace(GOOD, produce=_Stubborn(GOOD.produce)),)),
)
