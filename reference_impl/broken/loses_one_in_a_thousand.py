"""A long upload, of which a little is lost.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Any

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

EVERY = 1_000


class _Inlet(Inlet):
    __slots__ = ("_heard",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._heard = 0

    async def put(self, item: str) -> None:
        self._heard += 1
        if self._heard % EVERY:
            await super().put(item)


VARIANT = Variant(
    name="loses-one-in-a-thousand",
    sentence="Of a client's items every thousandth is lost.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="DR-12",
    because=('an item with "count"', '"count":'),
    seams=Seams(inlet=_Inlet),
)
