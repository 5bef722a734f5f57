"""The engine of a load as a process of its own: `python -m streamspec.harness.load_child`, commanded over its pipes.

It is an ordinary process without Locust and gevent. A door: it assembles what plays, reads and judges a stream. It ends
when its stdin does, when it is told to, or when it cannot read what it is told. Never here: the schedule, or a sum.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness import load_objects, load_servers
from streamspec.harness.child_pipes import READ_BYTES, flushed, own_pipes
from streamspec.harness.core.history import to_lines
from streamspec.harness.load.frames import FrameError, FrameReader, frame
from streamspec.harness.load.pacing import fine_loop
from streamspec.harness.load_job import job_from_json

if TYPE_CHECKING:
    from streamspec.harness.core.history import History
    from streamspec.harness.load.engine import Engine

BATCH_S: Final = 1.0
UNSENT_BYTES_MAX: Final = 33_554_432  # whoever does not read our figures for so long is not there
OP_BATCH, OP_FINAL, OP_FATAL, OP_EVIDENCE = "batch", "final", "fatal", "evidence"
KEPT_EACH: Final = 2  # histories of one rule, or of one kind of failure
KEPT_MAX: Final = 40


class Said:
    """What goes to whoever commands us: frames, through a pipe that is never waited for without bound."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._kept: dict[str, int] = {}

    def say(self, op: str, **fields: Any) -> None:
        """Raises `FrameError` when nobody reads what we say."""
        if self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            raise FrameError("nobody reads what we say")
        self._transport.write(frame(op, **fields))

    def keep(self, why: str, history: History) -> None:
        """Send a history as evidence, unless there are enough of its kind."""
        count = self._kept.get(why, 0)
        if count < KEPT_EACH and (count or len(self._kept) < KEPT_MAX):
            self._kept[why] = count + 1
            self.say(OP_EVIDENCE, why=why, lines="\n".join(to_lines(history)))

    async def flushed(self) -> None:
        """Until the pipe has all of it, or is gone."""
        await flushed(self._transport)


async def main() -> None:
    """One job, from the first frame to the final one."""
    reader, pipe = await own_pipes()
    said = Said(pipe)
    frames = FrameReader()
    commands: list[dict[str, Any]] = []
    while not commands:
        data = await reader.read(READ_BYTES)
        if not data:
            return
        commands = frames.feed(data)
    first, *rest = commands
    try:
        engine = _engine(first, said)
    except Exception:  # noqa: BLE001 -- whoever commands us cannot see our stderr
        said.say(OP_FATAL, message=traceback.format_exc(limit=-3))
        await said.flushed()
        return
    if rest or frames.broken:
        engine.stop()
    await _run(engine, reader, frames, said)
    await said.flushed()


def _engine(first: dict[str, Any], said: Said) -> Engine:
    if first["op"] != "open":
        raise FrameError(f"the first command is {first['op']!r}")
    job = job_from_json(first["job"])
    made = load_objects.engine_of if job.object else load_servers.engine_of
    return made(job, said.keep)


async def _run(engine: Engine, reader: asyncio.StreamReader, frames: FrameReader, said: Said) -> None:
    seq = 0
    running = asyncio.create_task(engine.run())
    listening = asyncio.create_task(_listen(engine, reader, frames))
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=BATCH_S)
            if not running.done():
                seq += 1
                said.say(OP_BATCH, seq=seq, tick=engine.tick, tally=engine.take().to_json())
        problem = running.result()
        said.say(OP_FINAL, seq=seq + 1, tick=engine.tick, tally=engine.take().to_json(), problem=problem)
    except FrameError:
        engine.stop()
        await asyncio.wait({running})
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(engine: Engine, reader: asyncio.StreamReader, frames: FrameReader) -> None:
    """Any command there is now means stop; so does the end of our stdin, and what cannot be read."""
    with contextlib.suppress(FrameError, ConnectionError):
        while data := await reader.read(READ_BYTES):
            if frames.feed(data) or frames.broken:
                break
    engine.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=fine_loop) as runner:
        runner.run(main())
