"""A stream that nobody tidies up after.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.outlet import ItemStream


def _arrange(stream: ItemStream, clean_up: Callable[[], None]) -> None:
    stream.on_end(lambda: None if stream.state is Phase.CANCELLED else clean_up())


VARIANT = Variant(
    name="abandons-the-cancelled",
    sentence="A stream whose client left is not cleaned up.",
    where="app",
    kills="CN-04",
    because=("none ran for those whose client left",),
    seams=Seams(arrange=_arrange),
)
