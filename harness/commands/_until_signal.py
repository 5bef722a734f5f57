"""Running until a signal, which ends a run with what it has. Never here: what is run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from streamspec.harness.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamspec.harness.core.run import Run


def made(work: Callable[[Progress], Awaitable[Run]]) -> Run:
    """The run that `work` makes, with its progress on stderr. SIGINT or SIGTERM cancels the task that runs it, once:
    `work` then returns what it has. A second signal ends the process."""
    with Progress(live=sys.stderr.isatty() and os.environ.get("TERM") != "dumb") as progress:
        return asyncio.run(_until_signal(work, progress))


async def _until_signal(work: Callable[[Progress], Awaitable[Run]], progress: Progress) -> Run:
    """Run, and let SIGINT or SIGTERM end it with what it has."""
    task = asyncio.ensure_future(work(progress))
    stopped: list[str] = []
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        if stopped:
            os._exit(130)  # asked twice: at once
        stopped.append(name)
        task.cancel()

    for name in ("SIGINT", "SIGTERM"):
        loop.add_signal_handler(getattr(signal, name), stop, name)
    try:
        run = await task
    except asyncio.CancelledError:
        sys.exit(130 if stopped == ["SIGINT"] else 143)
    return replace(run, stopped=stopped[0]) if stopped else run
