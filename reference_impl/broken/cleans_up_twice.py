"""A cleanup that runs again.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _clean(cleanups: Sequence[Callable[[], None]], complain: Callable[[Exception], None]) -> None:
    for cleanup in (*cleanups, *cleanups):
        try:
            cleanup()
        except Exception as raised:  # noqa: BLE001 -- as the good one does
            complain(raised)


VARIANT = Variant(
    name="cleans-up-twice",
    sentence="Every cleanup runs twice.",
    where="stream",
    on=("inprocess",),
    kills="CN-04",
    because=("runs once", "it ran 2 times"),
    seams=Seams(parts=Parts(clean=_clean)),
)
