"""The open loop: begin each stream when it is due, never wait for one, and add up what comes of them.

It runs in a process of its own, unpatched, on an asyncio loop. Never here: how a stream is played or judged (`one` is
handed in), a pipe, or Locust.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.load import LAG, LAG_LEAST_MS, LATE
from streamspec.harness.load.schedule import due_times_ns
from streamspec.harness.load.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from streamspec.harness.core.load import Seen, Wanted

STARTS_MAX: Final = 64  # in one pass of the loop, then what came is read
TICK_MS: Final = 20.0
HEAD_START_MS: Final = 50.0  # from the command until the first stream is due


@dataclass(slots=True)
class Engine:
    """One engine's part of a load. `one(number, due_ns, standing_ms)` plays the stream that is due then, by the loop's
    clock, and says what it showed, and what each rule said of it; `standing_ms()` is for how long our loop has stood
    still just now, and `lagged(ms)` is told of each such stall when it is over."""

    wanted: Wanted
    one: Callable[[int, int, Callable[[], float]], Coroutine[None, None, tuple[Seen, Iterable[tuple[str, str]]]]]
    drain_ms: float
    lagged: Callable[[float], None]
    tick: int = 0  # grows while the loop lives
    _tally: Tally = field(default_factory=Tally)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _problem: str = ""
    _tick_due_ns: int = 0
    _cpu_ns: int = 0
    _wall_ns: int = 0

    async def run(self) -> str:
        """Until every stream is over, or `stop` was called; then what went wrong on our side, empty for nothing."""
        self._cpu_ns, self._wall_ns = time.process_time_ns(), _now_ns()
        watch = asyncio.create_task(self._watch())
        try:
            await self._begin_all()
            await self._drain()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return self._problem

    def stop(self) -> None:
        """Begin no more streams, and leave those that are open."""
        self._stopping.set()

    def standing_ms(self) -> float:
        """By how much the next tick is overdue: what a stall had waiting may be done before the tick is."""
        return max(0, _now_ns() - self._tick_due_ns) / 1e6 if self._tick_due_ns else 0.0

    @property
    def open_now(self) -> int:
        return len(self._open)

    def take(self) -> Tally:
        """What came since the last time."""
        cpu_ns, wall_ns = time.process_time_ns(), _now_ns()
        taken, self._tally = self._tally, Tally()
        taken.counts["cpu_us"] = (cpu_ns - self._cpu_ns) // 1000
        taken.counts["wall_us"] = (wall_ns - self._wall_ns) // 1000
        self._cpu_ns, self._wall_ns = cpu_ns, wall_ns
        return taken

    async def _begin_all(self) -> None:
        began_ns = _now_ns() + int(HEAD_START_MS * 1e6)
        in_a_row = 0
        for number, due_ns in enumerate(due_times_ns(self.wanted)):
            left_ns = began_ns + due_ns - _now_ns()
            in_a_row = in_a_row + 1 if left_ns <= 0 else 0
            if left_ns > 0 or in_a_row % STARTS_MAX == 0:
                await self._pause(max(0, left_ns) / 1e9)
            if self._stopping.is_set():
                return
            late_ns = max(0, _now_ns() - began_ns - due_ns)
            self._tally.counts["due"] += 1
            if len(self._open) >= self.wanted.streams:
                self._tally.counts["missed"] += 1
                continue
            self._tally.counts["started"] += 1
            self._tally.histograms[LATE].record(late_ns // 1000)
            task = asyncio.create_task(self._play(number, began_ns + due_ns))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _pause(self, seconds: float) -> None:
        """Until then, or until we are stopped."""
        if not seconds:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _play(self, number: int, due_ns: int) -> None:
        try:
            seen, told = await self.one(number, due_ns, self.standing_ms)
        except Exception as error:  # noqa: BLE001 -- ours, never the target's: the figures must not look whole
            self._tally.counts["stopped"] += 1
            self._problem = self._problem or f"{type(error).__name__}: {error}"
            self.stop()
            return
        self._tally.stream(seen, told)

    async def _drain(self) -> None:
        """Let what is open come to its end; whatever is left then, we leave."""
        if self._open and not self._stopping.is_set():
            waits = {asyncio.ensure_future(self._stopping.wait()), asyncio.ensure_future(_all(self._open))}
            await asyncio.wait(waits, timeout=self.drain_ms / 1e3, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        left = tuple(self._open)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._tally.counts["stopped"] += sum(task.cancelled() for task in left)

    async def _watch(self) -> None:
        """How late a timer fires, and each stall of our own."""
        while True:
            self._tick_due_ns = _now_ns() + int(TICK_MS * 1e6)
            await asyncio.sleep(TICK_MS / 1e3)
            late_ns = max(0, _now_ns() - self._tick_due_ns)
            self.tick += 1
            self._tally.histograms[LAG].record(late_ns // 1000)
            if late_ns >= LAG_LEAST_MS * 1e6:
                self.lagged(round(late_ns / 1e6, 1))


async def _all(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Every one of them to its end. Cancelling this cancels none of them."""
    await asyncio.wait(tuple(tasks))


def _now_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)
