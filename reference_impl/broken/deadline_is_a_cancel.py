"""A deadline that the consumer cannot tell from a cancel of its own.

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
    return table.step(state, Call.CANCEL if call is Call.EXPIRE else call, dialect)


VARIANT = Variant(
    name="deadline-is-a-cancel",
    sentence="When its time is up a stream is cancelled, and that is all that its consumer learns.",
    where="stream",
    on=("inprocess",),
    kills="DL-01",
    because=("is told TIMED_OUT", "got CANCELLED"),
    seams=Seams(parts=Parts(step=_step)),
)
