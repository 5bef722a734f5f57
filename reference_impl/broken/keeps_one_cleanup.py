"""A place for one cleanup only.

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
    try:
        cleanups[-1]()
    except Exception as raised:  # noqa: BLE001 -- as the good one does
        complain(raised)


VARIANT = Variant(
    name="keeps-one-cleanup",
    sentence="Of several cleanups only the one that was added last runs.",
    where="stream",
    on=("inprocess",),
    kills="CN-04",
    because=("the cleanup first runs once", "it never ran"),
    seams=Seams(parts=Parts(clean=_clean)),
)
