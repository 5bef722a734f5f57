"""A buffered amount that counts too much.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.table import State


def _counted(state: State) -> int:
    return state.buffered + state.senders


VARIANT = Variant(
    name="counts-waiting-senders",
    sentence="The buffered amount counts the items of sends that wait.",
    where="stream",
    on=("inprocess",),
    kills="BP-14",
    because=("at most 3 items", "buffered_amount is 4"),
    seams=Seams(parts=Parts(counted=_counted)),
)
