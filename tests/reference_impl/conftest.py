"""What the reference's tests share: a served reference, a raw client that reads bytes, and turns of the loop.

Never here: an HTTP client. What is on the wire is the question.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from streamspec.reference_impl.bindings.asgi import App

LONGEST_S = 10.0


async def _turns() -> None:
    """Let every task that can go on do so: without timers and sockets a loop is quiet after a few turns."""
    for _ in range(20):
        await asyncio.sleep(0)


def _never(_received: bytes) -> bool:
    return False


async def _exchange(
    port: int,
    path: str,
    *,
    method: str = "GET",
    headers: str = "",
    until: bytes = b"",
    enough: Callable[[bytes], bool] = _never,
) -> bytes:
    """One request on its own connection; the answer until the server closes, or until `until` or `enough` has come."""
    request = f"{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n".encode()
    async with asyncio.timeout(LONGEST_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        received = bytearray()
        while not (until and until in received) and not enough(bytes(received)) and (piece := await reader.read(65536)):
            received += piece
        writer.close()
        await writer.wait_closed()
    return bytes(received)


def _body_of(response: bytes) -> bytes:
    """The body of a chunked response, strictly: RFC 9112 7.1 without extensions or trailers."""
    head, _, rest = response.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower(), head
    body = b""
    while True:
        size, end, rest = rest.partition(b"\r\n")
        assert end, "the last chunk is missing"
        length = int(size, 16)
        if length == 0:
            assert rest == b"\r\n", "something follows the last chunk"
            return body
        body += rest[:length]
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]


@contextlib.asynccontextmanager
async def _serving(app: App) -> AsyncIterator[int]:
    """The application on a real socket of this loop; the value is its port."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Server(app, url.set_result)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        yield int((await url).rpartition(":")[2])
        server.stop()
        async with asyncio.timeout(LONGEST_S):
            await serving


@pytest.fixture
def turns() -> Callable[[], Any]:
    return _turns


@pytest.fixture
def exchange() -> Callable[..., Any]:
    return _exchange


@pytest.fixture
def body_of() -> Callable[[bytes], bytes]:
    return _body_of


@pytest.fixture
def serving() -> Callable[[App], AbstractAsyncContextManager[int]]:
    return _serving


@contextlib.contextmanager
def _spawned(*options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-W", "error", "-m", "streamspec.reference_impl", "--until-stdin-closes", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def _port_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], LONGEST_S)[0], "the server never said that it listens"
    line = process.stdout.readline()
    assert line.startswith(b"listening http://127.0.0.1:"), line
    return int(line.rpartition(b":")[2])


@pytest.fixture
def spawned() -> Callable[..., contextlib.AbstractContextManager[subprocess.Popen[bytes]]]:
    return _spawned


@pytest.fixture
def port_of() -> Callable[[subprocess.Popen[bytes]], int]:
    return _port_of


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """One server process for all tests that only read."""
    with _spawned() as process:
        yield _port_of(process)


@pytest.fixture
def get(port: int) -> Callable[..., bytes]:
    """A raw response of the shared server."""

    def get(path: str, *, accept: str = "", headers: str = "", **how: Any) -> bytes:
        headers += f"accept-encoding: {accept}\r\n" if accept else ""
        return asyncio.run(_exchange(port, path, headers=headers, **how))

    return get
