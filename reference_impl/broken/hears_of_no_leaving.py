"""A client that has left, and a stream that nobody cancels.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Features, Seams
from streamspec.reference_impl.stream import table
from streamspec.reference_impl.stream.holder import Parts
from streamspec.reference_impl.stream.table import Call
from streamspec.reference_impl.variant import Variant
from streamspec.reference_impl.witness import FIGURES

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.dialect import Dialect
    from streamspec.reference_impl.stream.table import State, Step

PATIENCE_S: Final = 30.0  # longer than anybody watches, and still not for ever
ROOM_ITEMS: Final = 4_096  # for what is sent meanwhile: one who waits for room sends nothing


def _step(state: State, call: Call, dialect: Dialect) -> Step:
    return (state, ()) if call is Call.CANCEL else table.step(state, call, dialect)


def _features(features: Features) -> Features:
    # Without a name for what they learn it may be any sign, and CN-01 is silent.
    return {**features, "witness": [name for name in FIGURES if name != "cancel_code"]}


VARIANT = Variant(
    name="hears-of-no-leaving",
    sentence="That its client has left ends no stream: its handler sends on, for half a minute or more.",
    where="stream",
    on=("ws", "tcp", "grpc"),
    kills="CN-22",
    because=("learns that its client has left", "it had not learnt of it"),
    seams=Seams(features=_features, parts=Parts(step=_step, capacity=ROOM_ITEMS), patience_s=PATIENCE_S),
)
