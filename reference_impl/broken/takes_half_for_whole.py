"""An upload that broke off, and looks whole.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.outlet import ItemStream


def _input_over(inlet: Inlet, _stream: ItemStream) -> None:
    if inlet.input == "open":
        inlet.input = "ended"
    inlet.leave()


VARIANT = Variant(
    name="takes-half-for-whole",
    sentence="An upload whose client cancels or leaves is shown as one that is over.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="CN-20",
    because=("an upload that broke off", "its handler was told that it was whole"),
    seams=Seams(input_over=_input_over),
)
