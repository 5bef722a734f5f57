"""A half-close that is taken for the last that a client has to say.

Never here: a second defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.outlet import ItemStream


class _Ear:
    """It hears cancels until some client has half-closed."""

    def __init__(self) -> None:
        self._shut = False

    def half_close(self, inlet: Inlet) -> None:
        self._shut = True
        inlet.end()

    def cancel(self, stream: ItemStream) -> None:
        if not self._shut:
            stream.cancel()


EAR: Final = _Ear()

VARIANT = Variant(
    name="hears-no-cancel-once-half-closed",
    sentence="Once a client has half-closed a stream, nobody can cancel one any more.",
    where="app",
    on=("tcp", "grpc"),
    kills="CN-09",
    because=("a handler learns of a cancel behind the half-close",),
    seams=Seams(half_close=EAR.half_close, on_cancel_word=EAR.cancel),
)
