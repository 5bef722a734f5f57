"""Cleanups that are only remembered.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _clean(_cleanups: Sequence[Callable[[], None]], _complain: Callable[[Exception], None]) -> None:
    pass


VARIANT = Variant(
    name="never-cleans-up",
    sentence="No cleanup ever runs.",
    where="stream",
    on=("inprocess",),
    kills="CN-04",
    because=("runs once", "it never ran"),
    also={
        "CN-05": "nor before the first item",
        "CN-16": "an idle source is called away by a cleanup",
    },
    seams=Seams(parts=Parts(clean=_clean)),
)
