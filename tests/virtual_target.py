"""Virtual time and a target made of data: the engine runs without sockets and without waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streamspec.harness.core.event import Closed, Event, Opened
from streamspec.harness.core.ports import Body, Request, Transport

if TYPE_CHECKING:
    from streamspec.harness.core.limits import Limits

Batch = tuple[float, tuple[Event | Body, ...]]  # after so many ms, this is received
Answers = Callable[[Request, int], Sequence[Batch]]


class _Jump(selectors.BaseSelector):
    """Nothing is ever ready: time jumps to the next timer, and no timer is a deadlock."""

    def __init__(self) -> None:
        self.loop: VirtualLoop | None = None
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Any:
        return self._keys

    def select(self, timeout: float | None = None) -> list[Any]:
        assert self.loop is not None
        if timeout is None:
            raise RuntimeError("deadlock: nothing is ready and no timer is set")
        self.loop.now_s += max(timeout, 0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Jump()
        self.now_s = 0.0
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now_s


def in_virtual_time(main: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; waiting costs nothing."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


@dataclass
class Scripted:
    """A target made of data: `answers(request, n)` says what the n-th request receives, and when.
    Afterwards: silence."""

    answers: Answers
    asked: list[Request] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)

    async def open(self, request: Request, limits: Limits, connect_ms: float) -> _Exchange:
        assert limits
        assert connect_ms > 0
        self.asked.append(request)
        return _Exchange(self, list(self.answers(request, len(self.asked))))

    @property
    def transport(self) -> Transport:
        opening: Callable[[Request, Limits, float], Awaitable[Any]] = self.open
        return Transport("scripted", ("http",), opening)


@dataclass
class _Exchange:
    target: Scripted
    batches: list[Batch]
    over: bool = False

    async def receive(self) -> tuple[Event | Body, ...]:
        if self.over:
            return ()
        if not self.batches:
            await asyncio.Event().wait()
        delay_ms, events = self.batches[0]
        await asyncio.sleep(delay_ms / 1e3)
        self.batches.pop(0)
        self.over = any(isinstance(event, Closed) for event in events)
        return events

    async def close(self) -> None:
        self.target.acts.append("close")

    def abort(self) -> None:
        self.target.acts.append("abort")


def sse_head(status: int = 200, kind: str = "text/event-stream") -> Opened:
    return Opened(status, "", "HTTP/1.1", (("Content-Type", kind),))


def item(n: int) -> Body:
    return Body(f'data: {{"n": {n}}}\n\n'.encode())


def endless(_request: Request, _n: int) -> Sequence[Batch]:
    """Answers every request with an endless stream, an item each 10 ms."""
    return [(1.0, (sse_head(),)), *((10.0, (item(n),)) for n in range(1, 1000))]
