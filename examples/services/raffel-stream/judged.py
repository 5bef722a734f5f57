"""`RaffelStream` under the names that streamspec knows, so that it can be judged by itself, in virtual time:

PYTHONPATH=. streamspec run --object judged:Judged --claim concurrent-senders --claim rendezvous
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamspec.reference_impl.services.framework import by_priority, create_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


class Judged:
    starvation_bound = 8

    def __init__(self, high_water_mark: int = 16, priority: int = 0) -> None:
        self.stream = stream = create_stream(high_water_mark=high_water_mark, priority=priority)
        self.send = stream.write
        self.complete = stream.end
        self.error = stream.error
        self.cancel = stream.cancel
        self.pause = stream.pause
        self.resume = stream.resume

    async def receive(self) -> Any:
        chunk = await self.stream.read()
        if chunk.done:
            raise EOFError
        return chunk.value

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(self.stream)

    @property
    def buffered_amount(self) -> int:
        return self.stream.buffered_amount

    @staticmethod
    def scheduler(streams: Iterable[Judged]) -> Turns:
        return Turns(streams)


class Turns:
    """Several of them, the highest priority first."""

    def __init__(self, streams: Iterable[Judged]) -> None:
        self.judged = {id(judged.stream): judged for judged in streams}
        self.values = by_priority([judged.stream for judged in self.judged.values()], Judged.starvation_bound)

    async def receive(self) -> tuple[Judged, Any]:
        stream, value = await anext(self.values)
        if isinstance(value, BaseException):
            raise value
        return self.judged[id(stream)], value
