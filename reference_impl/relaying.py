"""Two connections made one: what comes on either goes out on the other, and the end of either is the other's as well.
And a door for those that are to be made one.

Never here: what goes through.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Change = Callable[[bytes], bytes]
    Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

READ_BYTES: Final = 65_536


def _as_it_is(octets: bytes) -> bytes:
    return octets


@contextlib.asynccontextmanager
async def standing(serve: Serve, host: str, port: int, grace_s: float = 0.0) -> AsyncIterator[int]:
    """`serve` every connection, and close it, for as long as a block runs; the value is the port. Those that are there
    when it is left have some grace to come to their end. Raises `OSError` where the port is not free."""
    at_work: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio calls this in tasks of their own"
        at_work.add(task)
        task.add_done_callback(at_work.discard)
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, port, limit=READ_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if at_work and grace_s:
            await asyncio.wait(at_work, timeout=grace_s)
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)
        await server.wait_closed()


async def relayed(
    near: Ends, far: Ends, there: Change = _as_it_is, back: Change = _as_it_is, unheard_s: float = 0.0
) -> None:
    """Until either ends; what was said before is handed over first. `there` changes what the near one says, `back`
    what the far one answers. Of a near one that was torn the far one hears only `unheard_s` later: until then
    it is read on, for nobody."""
    either = [
        asyncio.create_task(_pump(near[0], far[1], there)),
        asyncio.create_task(_pump(far[0], near[1], back)),
    ]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if unheard_s and isinstance(near[0].exception(), OSError):
            either[1].cancel()
            await asyncio.wait({either[1]})
            await _read_on(far[0], unheard_s)
    finally:
        for one in (far[1], near[1]):  # before anything is awaited: we may be cancelled meanwhile
            one.close()
        for task in either:
            task.cancel()
        await asyncio.gather(*either, return_exceptions=True)


async def _read_on(reader: asyncio.StreamReader, seconds: float) -> None:
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(seconds):
            while await reader.read(READ_BYTES):
                pass


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Change) -> None:
    while octets := await reader.read(READ_BYTES):
        writer.write(change(octets))
        await writer.drain()
