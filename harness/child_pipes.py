"""The pipes of a process that works for another of ours: what it is told on stdin, what it says on stdout.

Never here: what is said there (`errand_child`, `load_child`).
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

READ_BYTES: Final = 65_536
_FLUSH_S: Final = 0.01  # from one look at a pipe that is not empty to the next
_STDIN, _STDOUT, _STDERR = 0, 1, 2


async def own_pipes() -> tuple[asyncio.StreamReader, asyncio.WriteTransport]:
    """What is told, and where to say. From here on, what anybody prints goes to stderr: it is no frame."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(READ_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(_STDIN), "rb", 0))
    pipe, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(os.dup(_STDOUT), "wb", 0))
    os.dup2(_STDERR, _STDOUT)
    return reader, pipe


async def flushed(pipe: asyncio.WriteTransport) -> None:
    """Until the pipe has all of it, or is gone."""
    while pipe.get_write_buffer_size() and not pipe.is_closing():  # noqa: ASYNC110 -- nobody is told
        await asyncio.sleep(_FLUSH_S)
