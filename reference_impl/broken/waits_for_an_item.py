"""An empty stream that is not over.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.roles import LONGEST_MS, Role
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values


async def _empty(outlet: Outlet, values: Values) -> None:
    await outlet.sleep(LONGEST_MS / 1000)
    outlet.complete()


VARIANT = Variant(
    name="waits-for-an-item",
    sentence="A stream that has no item does not end for a minute.",
    where="app",
    kills="LC-08",
    because=("a stream that stays open",),
    seams=Seams(roles=(Role("/empty", (), _empty, lambda _: 0),)),
)
