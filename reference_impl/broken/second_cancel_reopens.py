"""A cancel that is a switch.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call, Phase
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    if state.phase is Phase.CANCELLED and call is Call.CANCEL:
        return replace(state, phase=Phase.OPEN), ()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="second-cancel-reopens",
    sentence="A second cancel takes the first one back: the stream is open again.",
    where="stream",
    on=("inprocess",),
    kills="CN-13",
    because=("changes nothing", "was accepted again"),
    also={
        "CN-01": "sends succeed after the first cancel and the second",
        "CN-03": "what was sent then can be received",
        "LC-11": "a cancelled stream is open again",
    },
    seams=Seams(parts=Parts(step=_step)),
)
