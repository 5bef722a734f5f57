"""Servers that stay silent, over real loopback sockets: `python silent_server.py PORT KIND` serves until it is ended.

`mute` answers nobody, `hushed` sends every head and nothing else, `mixed` keeps some of its roles silent, and `slow` is
honest and takes twelve seconds for everything. Never here: what is asked of them (`lanes/test_silent_targets.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Final

HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
REFUSED: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LAST: Final = b"0\r\n\r\n"
KINDS: Final = ("mute", "hushed", "mixed", "slow")
LIVE: Final = {  # of `mixed`; the others of its roles are silent
    *("", "finite", "endless", "prompt", "unknown", "invalid", "unsupported"),
}
ITEMS: Final = {"finite": 10, "prompt": 2, "failing": 3}
GAP_S: Final = {"prompt": 0.15}
PERIOD_S: Final = 0.02
SLOW_S: Final = 12.0


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _stream(role: str, writer: asyncio.StreamWriter) -> None:
    """The stream of a role, as it is declared."""
    if role == "text":
        writer.write(_chunk(b"data: a\n\ndata: b\n\n") + LAST)
        return
    n = 0
    while role != "empty" and n < ITEMS.get(role, sys.maxsize):
        n += 1
        writer.write(_chunk(b'id: %d\ndata: {"n":%d}\n\n' % (n, n)))
        await writer.drain()
        if role == "idle":
            await asyncio.Event().wait()
        await asyncio.sleep(GAP_S.get(role, PERIOD_S))
    if role != "failing":  # that one is cut short
        writer.write(LAST)


async def _answer(kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    role = head.split(b" ")[1].decode().partition("?")[0].strip("/")
    live = kind == "slow" or (kind == "mixed" and role in LIVE)
    if live and role in {"unknown", "invalid", "unsupported"}:
        writer.write(REFUSED)
    elif kind != "mute":
        writer.write(HEAD)
        await writer.drain()
        if kind == "slow":
            await asyncio.sleep(SLOW_S)
        if live:
            await _stream(role, writer)
    if not live:
        await reader.read()


async def listening(port: int, kind: str) -> asyncio.Server:
    """A server of this kind, in this loop."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await _answer(kind, reader, writer)
        finally:
            writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", port)


async def serve(port: int, kind: str) -> None:
    server = await listening(port, kind)
    sys.stdout.write(f"serving {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
