"""A carrier of messages made of data: what is received is put in by the test, and what is said can be held up."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streamspec.harness.core.event import Closed, Event
from streamspec.harness.core.ports import Body, NoSuchWord

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Carrier:
    """Both ways (`core.ports.Duplex`). `taking` cleared: whoever speaks waits. `words`: whether it has words of its own
    for a half-close, a cancel and a ping."""

    words: bool = False
    said: list[bytes] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    reads: int = 0
    _batches: deque[tuple[Event | Body, ...]] = field(default_factory=deque)
    _here: asyncio.Event = field(default_factory=asyncio.Event)
    _over: bool = False

    def __post_init__(self) -> None:
        self.taking.set()

    def put(self, *events: Event | Body) -> None:
        """One batch of what a target sends."""
        self._batches.append(events)
        self._here.set()

    async def receive(self) -> Sequence[Event | Body]:
        while not self._batches:
            if self._over:
                return ()
            self._here.clear()
            await self._here.wait()
        self.reads += 1
        batch = self._batches.popleft()
        self._over = self._over or any(isinstance(event, Closed) for event in batch)
        return batch

    async def say(self, *messages: bytes) -> None:
        await self._taken()
        self.said += messages

    async def write(self, octets: bytes) -> None:
        await self._taken()
        self.said.append(octets)

    async def finish(self) -> None:
        await self._own("finish")

    async def reset(self) -> None:
        await self._own("reset")

    async def ping(self) -> None:
        await self._own("ping")

    async def close(self) -> None:
        self._end("close")

    def abort(self) -> None:
        self._end("abort")

    async def _own(self, word: str) -> None:
        if not self.words:
            raise NoSuchWord(word)
        await self._taken()
        self.acts.append(word)

    async def _taken(self) -> None:
        await self.taking.wait()
        if self.gone:
            raise ConnectionResetError("gone")

    def _end(self, how: str) -> None:
        self.acts.append(how)
        self._over = self.gone = True
        self._batches.clear()
        self._here.set()
