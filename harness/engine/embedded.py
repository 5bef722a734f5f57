"""The embedded reference as a child process: the default target of `streamspec run`, and `streamspec serve`.

It is met like any other server, over its socket; nothing of it is imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODULE: Final = "streamspec.reference_impl"
READY_S: Final = 20.0
END_S: Final = 5.0
OUTPUT_LINES_MAX: Final = 20


@contextlib.asynccontextmanager
async def reference(port: int = 0) -> AsyncIterator[str]:
    """The reference's base URL while the block runs. Its stdin closes with us, so that it never outlives us.
    Raises `InternalError` when it does not start."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        "--port",
        str(port),
        "--until-stdin-closes",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle: the reference ends when we close its stdin
    )
    assert child.stdout and child.stdin and child.stderr  # noqa: PT018 -- pipes were asked for
    drain = asyncio.create_task(_drain(child.stderr))
    try:
        try:
            async with asyncio.timeout(READY_S):
                line = await child.stdout.readline()
        except TimeoutError:
            line = b""
        word, _, url = line.decode("utf-8", "replace").strip().partition(" ")
        if word != "listening":
            child.kill()
            said = b"".join((await drain)[-OUTPUT_LINES_MAX:]).decode("utf-8", "replace")
            raise InternalError(f"the embedded reference did not start: {said.strip() or 'it said nothing'}")
        yield url
    finally:
        child.stdin.close()
        await _end(child)
        drain.cancel()
        await asyncio.gather(drain, return_exceptions=True)


async def _drain(pipe: asyncio.StreamReader) -> list[bytes]:
    """Keep reading, so that the child never blocks on its own output; keep the last lines."""
    lines: list[bytes] = []
    with contextlib.suppress(asyncio.CancelledError):
        while line := await pipe.readline():
            lines = [*lines[-OUTPUT_LINES_MAX:], line]
    return lines


async def _end(child: asyncio.subprocess.Process) -> None:
    for finish in (None, child.terminate, child.kill):
        if finish and child.returncode is None:
            finish()
        try:
            async with asyncio.timeout(END_S):
                await child.wait()
        except TimeoutError:
            continue
        return
