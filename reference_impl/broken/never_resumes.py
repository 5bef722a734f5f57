"""A pause for ever.

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
    return (state, ()) if call is Call.RESUME else table.step(state, call, dialect)


VARIANT = Variant(
    name="never-resumes",
    sentence="A resumed stream stays paused.",
    where="stream",
    on=("inprocess",),
    kills="BP-13",
    because=("every accepted item arrives", "a receive waits"),
    also={"OI-02": "what was accepted before a pause stays there"},
    seams=Seams(parts=Parts(step=_step)),
)
