"""Sending an errand: a process that judges bindings of the embedded reference beside us, and what it says.

It has a session of its own, since Ctrl-C is ours to handle, and ends when its stdin does, which the system sees to when
we are gone. Never here: what is judged, or how (`embedded_run`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.errors import InternalError, UsageError
from streamspec.harness.discovery import all_rules
from streamspec.harness.errand import SAME, Errand, Runs
from streamspec.harness.load.frames import FrameError, FrameReader, frame
from streamspec.harness.serving import stopped_by

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from streamspec.harness.assembly import Settings
    from streamspec.harness.core.rule import Rule
    from streamspec.harness.core.run import Run
    from streamspec.harness.engine.runner import Progress

CHILD: Final = "streamspec.harness.errand_child"
READ_BYTES: Final = 65_536
STOP_S: Final = 30.0  # from when it is told to stop until its last word; its targets have their own time to end
END_S: Final = 5.0  # and from that until it is gone


def errand_of(
    settings: Settings, bindings: Sequence[str], chosen: Sequence[Rule], started: datetime, place: Path | None
) -> Errand:
    """These bindings, to be judged elsewhere with the same settings."""
    return Errand(
        tuple(bindings),
        tuple(rule.id for rule in chosen),
        started.isoformat(),
        str(place) if place else "",
        settings.look.headers,
        directory=str(settings.directory) if settings.directory else "",
        **{name: getattr(settings, name) for name in SAME},
    )


async def sent(errand: Errand, progress: Progress) -> list[Run]:
    """What has come of it: a run for each binding and each part. Cancelling it ends these runs with what they have.
    Raises what its process raised, and `InternalError` when that is gone without a last word."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle
    )
    assert child.stdin
    try:
        child.stdin.write(frame("errand", errand=asdict(errand)))
        hearing = asyncio.ensure_future(_heard(child, progress))
        try:
            return await asyncio.shield(hearing)
        except asyncio.CancelledError as cancelled:
            stopped_by(cancelled)
            child.stdin.close()
            async with asyncio.timeout(STOP_S):
                return await hearing
    except TimeoutError as error:
        raise InternalError(f"the process that judges {', '.join(errand.bindings)} does not stop") from error
    finally:
        await _ended(child)


async def _heard(child: asyncio.subprocess.Process, progress: Progress) -> list[Run]:
    """Everything that it says, up to its last word."""
    assert child.stdout
    frames, runs = FrameReader(), Runs({rule.id: rule for rule in all_rules()})
    try:
        while data := await child.stdout.read(READ_BYTES):
            for said in frames.feed(data):
                if _is_last(said, runs, progress):
                    return runs.whole
        frames.end()
    except (FrameError, ValueError, KeyError, TypeError) as error:
        raise InternalError(f"a process of ours said what cannot be read: {type(error).__name__} {error}") from error
    raise InternalError(f"a process of ours ended with {await child.wait()}, before its last word")


def _is_last(said: dict[str, Any], runs: Runs, progress: Progress) -> bool:
    match said["op"]:
        case "progress":
            progress(said["what"], said["done"], said["total"])
        case "wrong":
            raise InternalError(said["words"]) if said["ours"] else UsageError(said["words"])
        case "over":
            return True
        case _:
            runs.take(said)
    return False


async def _ended(child: asyncio.subprocess.Process) -> None:
    """Its stdin is closed: it ends by itself, or is killed; what it has started ends with it."""
    assert child.stdin
    child.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
