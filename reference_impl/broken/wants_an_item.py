"""An upload of nothing.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Any

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.variant import Variant


class _Inlet(Inlet):
    __slots__ = ("_some",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._some = False

    async def put(self, item: str) -> None:
        self._some = True
        await super().put(item)

    def end_of_some(self) -> None:
        if not self._some:
            raise StreamError(Code.INVALID_ARGUMENT, "nothing came")
        self.end()


def _half_close(inlet: Inlet) -> None:
    if isinstance(inlet, _Inlet):
        inlet.end_of_some()


VARIANT = Variant(
    name="wants-an-item",
    sentence="A client that half-closes without an item is refused.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="DR-07",
    because=("and success", "the error INVALID_ARGUMENT"),
    seams=Seams(inlet=_Inlet, half_close=_half_close),
)
