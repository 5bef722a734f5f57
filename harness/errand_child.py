"""A process that judges bindings of the embedded reference: `python -m streamspec.harness.errand_child`, commanded
over its pipes.

The first frame on its stdin is its errand. The end of its stdin, and whatever else comes, ends the run with what it
has, so that nothing outlives whoever sent it. Never here: how the reference is judged (`embedded_run`), or who sends.
"""

from __future__ import annotations

import asyncio
import traceback
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamspec.harness.assembly import Settings
from streamspec.harness.child_pipes import READ_BYTES, flushed, own_pipes
from streamspec.harness.core.errors import InternalError, UsageError
from streamspec.harness.core.ports import Request
from streamspec.harness.discovery import all_rules
from streamspec.harness.embedded_run import judged_here
from streamspec.harness.engine import collecting
from streamspec.harness.errand import SAME, Errand, errand_from_json, frames_of
from streamspec.harness.load.frames import FrameError, FrameReader, frame

if TYPE_CHECKING:
    from streamspec.harness.core.run import Run
    from streamspec.harness.engine.runner import Progress

OP_ERRAND, OP_PROGRESS, OP_WRONG, OP_OVER = "errand", "progress", "wrong", "over"


class Said:
    """What goes to whoever sent us: frames."""

    def __init__(self, pipe: asyncio.WriteTransport) -> None:
        self._pipe = pipe

    def say(self, op: str, **fields: Any) -> None:
        self._pipe.write(frame(op, **fields))

    def progress(self, what: str, done: int, total: int) -> None:
        self.say(OP_PROGRESS, what=what, done=done, total=total)

    async def flushed(self) -> None:
        """Until the pipe has all of it, or is gone."""
        await flushed(self._pipe)


async def main() -> None:
    """One errand, from the first frame to the last word."""
    reader, pipe = await own_pipes()
    said = Said(pipe)
    if (errand := await _errand(reader)) is None:
        return
    try:
        for run in await _judged(errand, reader, said.progress):
            for op, fields in frames_of(run):
                said.say(op, **fields)
        said.say(OP_OVER)
    except UsageError as error:
        said.say(OP_WRONG, words=str(error), ours=False)
    except InternalError as error:
        said.say(OP_WRONG, words=str(error), ours=True)
    except Exception:  # noqa: BLE001 -- whoever sent us cannot see where it was raised
        said.say(OP_WRONG, words=traceback.format_exc(), ours=True)
    await said.flushed()


async def _errand(reader: asyncio.StreamReader) -> Errand | None:
    """None when there is nobody any more to send one."""
    frames = FrameReader()
    while data := await reader.read(READ_BYTES):
        if said := frames.feed(data):
            if said[0]["op"] != OP_ERRAND:
                raise FrameError(f"the first frame is {said[0]['op']!r}")
            return errand_from_json(said[0]["errand"])
    return None


async def _judged(errand: Errand, reader: asyncio.StreamReader, progress: Progress) -> list[Run]:
    """What has come of it when it is over, or when somebody ends it."""
    chosen = tuple(rule for rule in all_rules() if rule.id in set(errand.chosen))
    started = datetime.fromisoformat(errand.started)
    place = Path(errand.place) if errand.place else None
    with collecting.seldom():
        judging = asyncio.ensure_future(
            judged_here(settings_of(errand), errand.bindings, chosen, progress, started, lambda: place)
        )
        stopping = asyncio.ensure_future(reader.read(1))
        stopping.add_done_callback(lambda _: judging.cancel())
        try:
            return await judging
        finally:
            stopping.cancel()


def settings_of(errand: Errand) -> Settings:
    """The settings that the errand was made of, as far as they concern it."""
    return Settings(
        look=Request("", headers=errand.headers),
        directory=Path(errand.directory) if errand.directory else None,
        **{name: getattr(errand, name) for name in SAME},
    )


if __name__ == "__main__":
    asyncio.run(main())
