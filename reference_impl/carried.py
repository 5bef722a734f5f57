"""A carrier that does as another one: what variants share that are broken in how a connection is read and written.

Never here: which of them is whose defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamspec.reference_impl.envelopes import Message
    from streamspec.reference_impl.multiplex import Carrier
    from streamspec.reference_impl.stream.errors import Code


class Carried:
    """A `multiplex.Carrier`."""

    __slots__ = ("carrier",)

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier

    async def read(self) -> Message | None:
        return await self.carrier.read()

    async def write(self, message: Message) -> None:
        await self.carrier.write(message)

    def is_gone(self) -> bool:
        return self.carrier.is_gone()

    async def close(self, code: Code) -> None:
        await self.carrier.close(code)


def is_an_end(message: Message) -> bool:
    """Whether that is the good ending of a stream."""
    return isinstance(message, str) and '"type":"stream:end"' in message
