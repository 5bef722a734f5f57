"""An error that overtakes the items sent before it.

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
    # What one of the source systems does on purpose is a defect here, where nobody asked for it.
    return table.step(state, call, replace(dialect, buffered_after_error="discard"))


# The failing role raises without having been parked, so all but the item handed over is still in the buffer.
VARIANT = Variant(
    name="error-jumps-queue",
    sentence="An error discards the items that were accepted before it and not yet delivered.",
    where="stream",
    kills="ER-04",
    because=("3 items, then the error", "got 1"),
    on=("sse", "inprocess"),
    because_over=dict.fromkeys(("ws", "tcp"), ("3 items, then the error", "got 0")),
    seams=Seams(parts=Parts(step=_step)),
)
