"""Our fault proxy in front of a small server, for tests: in one loop, with the API driven by `toxiproxy-python`.

Never here: an expectation.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import toxiproxy

from streamspec.harness.core.toxic import Toxic
from streamspec.harness.discovery import constants
from streamspec.harness.engine.faultproxy import Proxies, Proxy
from streamspec.harness.engine.faultproxy_api import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Answer = Callable[["Seen", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TOXICS: Final = {toxic.name: toxic for toxic in constants("streamspec.harness.toxics", Toxic)}
LONGEST_S: Final = 10.0


@dataclass(slots=True)
class Seen:
    """What the server saw: how each of its connections ended, in order (`eof`, `reset`)."""

    ends: asyncio.Queue[str] = field(default_factory=asyncio.Queue)


@dataclass(slots=True)
class Led:
    """A client's view: the API, the proxy made for the server, and that server."""

    client: Any
    proxy: Any
    ours: Proxy
    seen: Seen
    api_port: int

    async def call(self, what: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(what, *given, **named)

    async def add(self, toxic: str, stream: str = "downstream", **attributes: int) -> None:
        await self.call(self.proxy.add_toxic, type=toxic, stream=stream, attributes=attributes)

    async def remove(self, toxic: str, stream: str = "downstream") -> None:
        await self.call(self.proxy.destroy_toxic, f"{toxic}_{stream}")

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.proxy.listen.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def asked(self, said: bytes = b"ask") -> tuple[bytes, str]:
        """What comes back of one request, and how the connection ended."""
        reader, writer = await self.opened()
        writer.write(said)
        got = bytearray()
        try:
            async with asyncio.timeout(LONGEST_S):
                while data := await reader.read(65_536):
                    got += data
        except ConnectionError:
            return bytes(got), "reset"
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return bytes(got), "eof"


def sending(octets: bytes) -> Answer:
    """A server that answers with these octets and ends."""

    async def answer(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(100):
            writer.write(octets)
            await writer.drain()

    return answer


async def watching(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that sends ten octets, and then waits for its client to leave."""
    await reader.read(100)
    writer.write(b"0123456789")
    try:
        while await reader.read(100):
            pass
    except ConnectionError:
        seen.ends.put_nowait("reset")
    else:
        seen.ends.put_nowait("eof")


@contextlib.asynccontextmanager
async def led(answer: Answer, seed: int = 0) -> AsyncIterator[Led]:
    """The server, the proxy and its API."""
    seen = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await answer(seen, reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxies = Proxies(TOXICS, seed)
    try:
        async with serving(proxies, "streamspec test") as api_port:
            client = toxiproxy.Toxiproxy()
            client.update_api_consumer("127.0.0.1", api_port)
            proxy = await asyncio.to_thread(client.create, f"127.0.0.1:{port}", "led")
            yield Led(client, proxy, proxies.by_name["led"], seen, api_port)
    finally:
        server.close()
