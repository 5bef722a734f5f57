"""A cleanup too many.

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
    stream.on_end(clean_up)
    stream.on_end(lambda: clean_up() if stream.state is Phase.CANCELLED else None)


VARIANT = Variant(
    name="tidies-up-twice",
    sentence="A stream whose client left is cleaned up twice.",
    where="app",
    on=("ndjson",),
    kills="CN-04",
    because=("the cleanups of those whose client left",),
    seams=Seams(arrange=_arrange),
)
