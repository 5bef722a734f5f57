"""A failure that nobody is told of.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _say_nothing(stream: ItemStream, raised: Exception) -> None:
    pass


VARIANT = Variant(
    name="says-nothing-of-a-failure",
    sentence="A stream whose handler raised stays open, and nothing more comes of it.",
    where="app",
    on=("json_array",),
    kills="LC-07",
    because=("the failure, in bounded time", "silence", "every time"),
    seams=Seams(on_exception=_say_nothing),
)
