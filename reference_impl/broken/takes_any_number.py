"""No argument, or two, where there is one.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


def _inlet(*, one: bool = False) -> Inlet:
    return Inlet()


VARIANT = Variant(
    name="takes-any-number",
    sentence="Where one item is due, none is as good, and two are.",
    where="app",
    on=("ws", "tcp"),
    kills="DR-11",
    because=("an error", "items came where one is due", "the end, as after success"),
    seams=Seams(inlet=_inlet),
)
