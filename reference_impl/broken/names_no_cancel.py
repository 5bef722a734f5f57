"""A cancel that senders are not told by its name.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import Call, State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    # What one of the source systems does is a defect here, where nobody asked for it.
    return table.step(state, call, replace(dialect, send_after_cancel="UNAVAILABLE"))


VARIANT = Variant(
    name="names-no-cancel",
    sentence="A send after a cancel is refused as UNAVAILABLE.",
    where="stream",
    on=("inprocess",),
    kills="CN-01",
    because=("CANCELLED", "refused with UNAVAILABLE"),
    seams=Seams(parts=Parts(step=_step)),
)
