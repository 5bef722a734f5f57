"""A deadline that comes at the wrong moment.

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
    if call is Call.EXPIRE and state.senders:
        return state, ()
    return table.step(state, call, dialect)


VARIANT = Variant(
    name="deadline-forgotten-when-full",
    sentence="A deadline that passes while a send is blocked is forgotten.",
    where="stream",
    on=("inprocess", "sse"),
    kills="DL-05",
    because=("the blocked send", "raises", "still blocked"),
    also={
        "BP-10": "a send that waits for room goes on waiting",
        "DL-02": "a handler may be what sends",
    },
    not_over={"grpc": "grpcio keeps the deadline of a call itself, and stops its handler"},
    seams=Seams(parts=Parts(step=_step)),
)
