"""Items that are taken in pairs.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.stream.marks import End


class _Inlet(Inlet):
    __slots__ = ("_news", "_second")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._news = asyncio.Event()
        self._second = False  # of a pair

    async def put(self, item: str) -> None:
        self._news.set()
        await super().put(item)

    def end(self) -> None:
        super().end()
        self._news.set()

    def leave(self) -> None:
        super().leave()
        self._news.set()

    async def take(self) -> str | End:
        while not self._second and self._items.buffered_amount < 2 and not self.is_ended and self.input == "open":
            self._news.clear()
            await self._news.wait()
        self._second = not self._second
        return await super().take()


def _half_close(inlet: Inlet) -> None:
    inlet.end()


VARIANT = Variant(
    name="hears-at-a-stretch",
    sentence="An item of a client's is handled only when the next one has come as well.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="DR-03",
    because=("reply 1 before anything else is said", "it came when more had been said"),
    seams=Seams(inlet=_Inlet, half_close=_half_close),
)
