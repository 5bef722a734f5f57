"""A timeout that is an ending.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    after, effects = table.step(state, call, dialect)
    if call is not Call.ABANDON_SEND:
        return after, effects
    ended, more = table.step(after, Call.EXPIRE, dialect)
    return ended, (*effects, *more)


VARIANT = Variant(
    name="timeout-ends",
    sentence="A send whose time is up ends its stream.",
    where="stream",
    on=("inprocess",),
    kills="BP-21",
    because=("the stream goes on", "TIMED_OUT"),
    seams=Seams(parts=Parts(step=_step)),
)
