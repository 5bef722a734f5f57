"""A server that finishes what it says before it listens.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.inlet import Inlet
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Frame
    from streamspec.reference_impl.seams import Deliver


class _Writes:
    """How many items are being written at the moment, whatever stream they are of."""

    def __init__(self) -> None:
        self._now = 0
        self._none = asyncio.Event()
        self._none.set()

    async def none(self) -> None:
        await self._none.wait()

    def deliver(self, deliver: Deliver) -> Deliver:
        async def counted(frame: Frame) -> None:
            self._now += 1
            self._none.clear()
            try:
                await deliver(frame)
            finally:
                self._now -= 1
                if not self._now:
                    self._none.set()

        return counted


WRITES: Final = _Writes()


class _Late(Inlet):
    __slots__ = ()

    async def put(self, item: str) -> None:
        await WRITES.none()
        await super().put(item)


VARIANT = Variant(
    name="takes-nothing-while-it-writes",
    sentence="While an item waits to be written, no item of a client's is taken.",
    where="app",
    on=("tcp", "grpc"),
    kills="DR-10",
    because=("what we say is taken, though we do not read",),
    seams=Seams(inlet=_Late, deliver=WRITES.deliver),
)
