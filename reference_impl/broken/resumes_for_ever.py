"""A stream that is over, and waits.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.roles import LONGEST_MS, ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values

GOOD = next(role for role in ROLES if role.resumes)


async def _resumable(outlet: Outlet, values: Values) -> None:
    if values["after"] == values["n"]:
        await outlet.sleep(LONGEST_MS / 1000)
    await GOOD.produce(outlet, values)


VARIANT = Variant(
    name="resumes-for-ever",
    sentence="A resume behind the last item waits a minute for one more.",
    where="app",
    kills="RC-05",
    because=("a stream that stays open", "every time"),
    seams=Seams(is_over=lambda _: False, roles=(replace(GOOD, produce=_resumable),)),
)
