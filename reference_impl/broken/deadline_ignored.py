"""A deadline that is kept by nobody.

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
    return (state, ()) if call is Call.EXPIRE else table.step(state, call, dialect)


VARIANT = Variant(
    name="deadline-ignored",
    sentence="When its time is up a stream goes on as before.",
    where="stream",
    on=("inprocess", "sse"),
    kills="DL-01",
    because=("is told TIMED_OUT", "still waiting"),
    also={
        "BP-10": "a send that waits for room goes on waiting",
        "DL-05": "so it does",
        "DL-08": "items are accepted long after the deadline",
        "DL-09": "an idle limit ends nothing either",
    },
    not_over={"grpc": "grpcio keeps the deadline of a call itself, and stops its handler"},
    seams=Seams(parts=Parts(step=_step)),
)
