"""`Inlet`: the items of one client on their way to the handler, in a stream of the same kind as the one that answers.

Never here: what an item means, a connection, or the end of the stream that answers (`session` tells us of that).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Literal

from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END, End
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY

if TYPE_CHECKING:
    from collections.abc import Callable


class Inlet:
    """`put`, `end`, `break_off` are for whoever reads the connection, `take` for the handler. An item is a JSON text.

    With `one` the client has to send exactly one item, and the handler begins when it is there (`whole`).
    `input` is `ended` when the handler has read the client's half-close, `broken` when its items ended otherwise.
    """

    __slots__ = ("_items", "_one", "_puts", "_told", "input", "is_ended", "on_take")

    def __init__(self, capacity: int = DEFAULT_CAPACITY, *, one: bool = False) -> None:
        self._items: Stream[str] = Stream(capacity)
        self._one = one
        self._puts = 0
        self._told = asyncio.Event()  # the client has half-closed, or nothing more will come
        self.input: Literal["open", "ended", "broken"] = "open"
        self.is_ended = False  # the client has half-closed, whether the handler knows it or not
        self.on_take: Callable[[], None] | None = None  # called when an item was taken

    async def put(self, item: str) -> None:
        """Hand over an item; waits while the inlet is full. What nobody will take is dropped. Raises `StreamError`
        for an item too many."""
        self._puts += 1
        if self._one and self._puts > 1:
            raise StreamError(Code.INVALID_ARGUMENT, "this stream takes one item, and there are more")
        with contextlib.suppress(StreamError):
            await self._items.send(item)

    def has_room(self) -> bool:
        """Whether `put` would not wait."""
        return self._items.buffered_amount < self._items.capacity

    def end(self) -> None:
        """The client has half-closed. Raises `StreamError` where an item is missing."""
        if self._one and not self._puts:
            raise StreamError(Code.INVALID_ARGUMENT, "this stream takes one item, and there is none")
        self.is_ended = True
        self._told.set()
        with contextlib.suppress(StreamError):
            self._items.complete()

    def break_off(self) -> None:
        """Nothing more will come, and that is no end: what waits is dropped, and whoever takes learns of it."""
        if self.input == "open":
            self.input = "broken"
        self.leave()

    def leave(self) -> None:
        """Nobody takes any more: what waits is dropped, and nothing is held back."""
        self._items.cancel()
        self._told.set()

    async def take(self) -> str | End:
        """The next item; END when the client has half-closed. Raises CANCELLED when its items have broken off."""
        item = await self._items.receive()
        if self.input == "broken":  # a half-close that nobody had read before
            raise errors.cancelled("the client's items broke off")
        if item is END:
            self.input = "ended"
        elif self.on_take is not None:
            self.on_take()
        return item

    async def whole(self) -> None:
        """Wait until the one item is there, and none follows it. Raises CANCELLED when it never will be."""
        if not self._one:
            return
        await self._told.wait()
        if not self.is_ended or self.input == "broken":
            raise errors.cancelled("the client's item never came")
        self.input = "ended"


def no_items() -> Inlet:
    """Of a client that has nothing to say but its request: at its end from the beginning."""
    inlet = Inlet()
    inlet.end()
    inlet.input = "ended"
    return inlet
