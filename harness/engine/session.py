"""Play a script: run its sessions one after another or together, each act in its order. Never judges.

A target's misbehaviour is an event. An exception that leaves this module is our own error. Never here: an act
(`stream`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streamspec.harness.core.errors import InternalError, SeveralWorkers, UsageError
from streamspec.harness.core.event import (
    Lagged,
)
from streamspec.harness.core.script import (
    Await,
)
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.stream import Stream
from streamspec.harness.engine.waiting import Progress, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamspec.harness.core.script import Script, Session
    from streamspec.harness.engine.recorder import Recorder
    from streamspec.harness.engine.stage import Stage

LAG_TICK_MS = 20.0
LAG_LEAST_MS = 25.0


async def play(script: Script, stage: Stage) -> None:
    """Run every session of the script; a session with `beside` runs together with the one before it."""
    watch = asyncio.create_task(watch_lag(stage.recorder))
    progress = Progress()
    try:
        for together in _groups(script.sessions):
            if all(map(stage.asks, together)):
                await _play_together(together, stage, progress)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def play_one(session: Session, stage: Stage) -> None:
    """One session by itself. Whoever plays a thousand at once watches the loop once for all of them."""
    await _run(session, stage, Progress())


async def _play_together(sessions: Sequence[Session], stage: Stage, progress: Progress) -> None:
    """Raises errors of ours by themselves: what is raised inside `except*` early versions of 3.11 wrap once more."""
    wrong: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            for session in sessions:
                group.create_task(_run(session, stage, progress))
    except* (UsageError, SeveralWorkers, InternalError) as found:
        wrong.extend(found.exceptions)
    if wrong:
        raise wrong[0]


def _groups(sessions: Sequence[Session]) -> list[list[Session]]:
    groups: list[list[Session]] = []
    for session in sessions:
        if session.beside and groups:
            groups[-1].append(session)
        else:
            groups.append([session])
    return groups


async def watch_lag(recorder: Recorder) -> None:
    """Record each stall of our own loop: timing near it is no evidence (standing condition 5)."""
    while True:
        began = now_ns()
        await asyncio.sleep(LAG_TICK_MS / 1e3)
        late_ms = (now_ns() - began) / 1e6 - LAG_TICK_MS
        if late_ms >= LAG_LEAST_MS:
            recorder.add("", Lagged(round(late_ms, 1)), "harness")


async def _run(session: Session, stage: Stage, progress: Progress) -> None:
    """Do the acts in order. A session whose request was not answered, or whose partner never came, does no more."""
    stream = Stream(session, stage)
    try:
        for act in session.acts:
            if isinstance(act, Await):
                go_on = await within(progress.wait(act), stage.budgets["await_ms"]) is True
            else:
                go_on = await stream.do(act)
            if not go_on:
                break
            await progress.step(session.id)
    finally:
        await stream.close()
        await progress.step(session.id, over=True)
