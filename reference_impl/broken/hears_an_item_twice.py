"""A client's items, and one of them once more.

Never here: a second defect.
"""

from __future__ import annotations

from typing import Any

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

TWICE = 2  # the number of that item


class _Inlet(Inlet):
    __slots__ = ("_heard",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._heard = 0

    async def put(self, item: str) -> None:
        self._heard += 1
        await super().put(item)
        if self._heard == TWICE:
            await super().put(item)


VARIANT = Variant(
    name="hears-an-item-twice",
    sentence="The second item of a client's comes twice.",
    where="app",
    on=("ws",),
    kills="WS-04",
    because=("the 3 items come back, in order", "(1, 2, 2, 3)"),
    seams=Seams(inlet=_Inlet),
)
