"""Room for everything that a client says.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

WITHOUT_END = 1_000_000_000


def _inlet(*, one: bool = False) -> Inlet:
    return Inlet(WITHOUT_END, one=one)


VARIANT = Variant(
    name="takes-all-they-send",
    sentence="A client's items are kept until its handler reads them, however many they are.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="BP-15",
    because=("of a larger upload that nobody reads", "1280 of 1280 items"),
    seams=Seams(inlet=_inlet),
)
