"""A half-close of TCP that is declared, and taken for a leave.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.seams import Features


def _features(said: Features) -> Features:
    declares = said["declares"]
    assert isinstance(declares, dict)
    return {**said, "declares": {**declares, "fin_half_closes": True}}


VARIANT = Variant(
    name="takes-a-fin-for-leaving",
    sentence="A FIN is declared to be a half-close, and cancels every stream of its connection.",
    where="app",
    on=("tcp",),
    kills="TC-08",
    because=("an item that says that 3 came", "0 items, and the connection was closed", "10 items, and the end"),
    seams=Seams(features=_features),
)
