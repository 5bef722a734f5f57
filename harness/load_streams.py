"""What streams of a server and objects of a process have in common under load: recorded, marked with our own stalls,
judged as soon as they are over.

A door of the engine's process. Never here: how a stream is played, or when it begins.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streamspec.harness.core.event import Lagged
from streamspec.harness.core.load import LAG_LEAST_MS
from streamspec.harness.load.judging import judged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from streamspec.harness.core.history import Header, History
    from streamspec.harness.core.load import Load, Seen
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.engine.recorder import Recorder
    from streamspec.harness.load_job import Job


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one job: what an engine asks for. `recorder` makes one for a stream, `play` plays it into that;
    `keep(why, history)` is evidence."""

    job: Job
    load: Load
    header: Header
    recorder: Callable[[], Recorder]
    play: Callable[[Recorder], Awaitable[None]]
    keep: Callable[[str, History], None]
    rules: tuple[Rule, ...]
    _now: set[Recorder] = field(init=False, default_factory=set)

    async def one(
        self, number: int, due_ns: int, standing_ms: Callable[[], float]
    ) -> tuple[Seen, Iterable[tuple[str, str]]]:
        """Play the stream that is due then, by the loop's clock: what it showed, and what each rule said of it."""
        recorder = self.recorder()
        late_ns = max(0, int(asyncio.get_running_loop().time() * 1e9) - due_ns)
        self._now.add(recorder)
        try:
            await self.play(recorder)
        finally:
            self._now.discard(recorder)
        if (ms := standing_ms()) >= LAG_LEAST_MS:
            recorder.add("", Lagged(round(ms, 1)), "harness")
        shown = number * self.job.wanted.lanes + self.job.wanted.lane
        history = recorder.seal(replace(self.header, case=f"{self.header.case}/stream-{shown}"))
        return judged(history, self.rules, self.load, late_ns, self.keep)

    def lagged(self, ms: float) -> None:
        """Our loop stood still: every stream that is open knows of it (standing condition 5)."""
        for recorder in self._now:
            recorder.add("", Lagged(ms), "harness")
