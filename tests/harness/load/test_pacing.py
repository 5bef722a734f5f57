"""The fine loop does what asyncio's does: timers in their order, sockets as they become ready, and an end."""

from __future__ import annotations

import asyncio
import socket

from streamspec.harness.load.pacing import fine_loop


def test_timers_and_sockets_are_served() -> None:
    async def main() -> list[str]:
        seen: list[str] = []
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(0)
            loop.call_later(0.02, seen.append, "second")
            loop.call_later(0.001, seen.append, "first")
            loop.call_later(0.03, theirs.send, b"third")
            seen.append((await loop.sock_recv(ours, 9)).decode())
        return seen

    with asyncio.Runner(loop_factory=fine_loop) as runner:
        assert runner.run(main()) == ["first", "second", "third"]


def test_it_waits_without_a_timer_too() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    async def main() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"here")
            writer.write_eof()
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
            return said

    with asyncio.Runner(loop_factory=fine_loop) as runner:
        assert runner.run(main()) == b"here"
