"""A failure that looks like success.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream


def _complete_anyway(stream: ItemStream, raised: Exception) -> None:
    stream.complete()


VARIANT = Variant(
    name="hides-failure",
    sentence="A handler's exception ends the stream as a normal completion.",
    where="app",
    kills="LC-07",
    because=("the success terminal",),
    also={
        "ER-01": "there is no error terminal that could carry a code",
        "ER-04": "the items arrive, but no error follows them",
    },
    not_over={"json_array": "an array that is closed after a failure is CJ-04's"},
    seams=Seams(on_exception=_complete_anyway),
)
