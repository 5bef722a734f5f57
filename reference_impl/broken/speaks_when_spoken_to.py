"""A server that waits to be spoken to.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from typing import Any

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant


class _Inlet(Inlet):
    __slots__ = ("_news",)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._news = asyncio.Event()

    async def put(self, item: str) -> None:
        self._news.set()
        await super().put(item)

    def end(self) -> None:
        super().end()
        self._news.set()

    def leave(self) -> None:
        super().leave()
        self._news.set()

    async def whole(self) -> None:
        """Wait until the client has said something, or will not."""
        await self._news.wait()
        await super().whole()


def _half_close(inlet: Inlet) -> None:
    inlet.end()


VARIANT = Variant(
    name="speaks-when-spoken-to",
    sentence="A handler begins only when its client has said an item, or half-closed.",
    where="app",
    on=("ws", "tcp", "grpc"),
    kills="DR-04",
    because=("items before the client says any", "they came behind its first"),
    seams=Seams(inlet=_Inlet, half_close=_half_close),
)
