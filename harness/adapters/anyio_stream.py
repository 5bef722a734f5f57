"""anyio's memory object streams, on asyncio: closing the sending side completes, closing the receiving side cancels.

Never here: an import of anyio. What its factory makes is told by the names of its types.
"""

from __future__ import annotations

from typing import Any, Final

from streamspec.harness.core.ports import Adapter

_TYPES: Final = ("MemoryObjectSendStream", "MemoryObjectReceiveStream")


class _Stream:
    def __init__(self, sending: Any, receiving: Any) -> None:
        self._sending = sending
        self._receiving = receiving

    async def send(self, item: Any) -> None:
        await self._sending.send(item)

    async def receive(self) -> Any:
        try:
            return await self._receiving.receive()
        except Exception as raised:
            if type(raised).__name__ == "EndOfStream":
                raise EOFError from raised
            raise

    def dispose(self) -> None:
        """Nobody plays with it any more. anyio warns of a side that nobody closed."""
        self._sending.close()
        self._receiving.close()

    def complete(self) -> None:
        self._sending.close()

    def cancel(self) -> None:
        self._receiving.close()

    @property
    def buffered_amount(self) -> int:
        used: int = self._receiving.statistics().current_buffer_used
        return used


def _fits(made: object) -> bool:
    return isinstance(made, tuple) and tuple(type(side).__name__ for side in made) == _TYPES


def _wrap(made: Any) -> object:
    return _Stream(*made)


ANYIO_STREAM = Adapter(
    name="anyio memory object stream",
    sentence="send and receive; closing the sending side completes, closing the receiving side cancels",
    fits=_fits,
    wrap=_wrap,
    claims=frozenset({"concurrent-senders", "rendezvous"}),
)
