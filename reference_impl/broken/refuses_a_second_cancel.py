"""A cancel that may come only once.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import errors, table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if state.phase is Phase.CANCELLED and call is Call.CANCEL:
        raise errors.closed()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="refuses-a-second-cancel",
    sentence="A cancel of a stream that was cancelled raises UNAVAILABLE.",
    where="stream",
    on=("inprocess",),
    kills="CN-13",
    because=("a second cancel that returns", "it raised UNAVAILABLE"),
    seams=Seams(parts=Parts(step=_step)),
)
