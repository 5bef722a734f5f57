"""An end behind which nobody listens.

Never here: a second defect.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streamspec.reference_impl.carried import Carried, is_an_end
from streamspec.reference_impl.disconnects import DEAF_S
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Message
    from streamspec.reference_impl.multiplex import Carrier


class _DeafAtItsEnd(Carried):
    __slots__ = ("_ended",)

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(carrier)
        self._ended = False

    async def read(self) -> Message | None:
        message = await super().read()
        if message is not None and self._ended:
            await asyncio.sleep(DEAF_S)
        return message

    async def write(self, message: Message) -> None:
        self._ended = self._ended or is_an_end(message)
        await super().write(message)


VARIANT = Variant(
    name="deaf-at-its-end",
    sentence="When a stream has completed, nothing more is read of its connection.",
    where="app",
    on=("ws", "tcp"),
    kills="DR-06",
    because=("what is said behind the end is dropped, or refused", "the connection still stands"),
    seams=Seams(carry=_DeafAtItsEnd),
)
