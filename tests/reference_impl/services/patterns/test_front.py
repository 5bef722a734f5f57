"""One port for both: gRPC goes through, and what the server tells is a page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from served_patterns import LONGEST_S, items, patterns

from streamspec.reference_impl.services.patterns import front
from streamspec.reference_impl.services.patterns.client import StreamServiceStub, list_items, upload_items
from streamspec.reference_impl.services.patterns.front import Gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, LONGEST_S))


@contextlib.asynccontextmanager
async def both() -> AsyncIterator[int]:
    async with patterns(items(300, 1_000)) as served:
        gate = Gate()
        async with front.standing(gate, "127.0.0.1", 0) as port:
            gate.open(served.served.port, lambda: served.told)
            yield port


async def asked(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def test_calls_go_through_and_are_told_of_on_the_same_port() -> None:
    async def story() -> None:
        async with both() as port:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                ids: list[int] = []
                await list_items(StreamServiceStub(channel), lambda item: ids.append(item.id))
                assert ids == list(range(1, 301))
            head, _, body = (await asked(port, b"GET /told HTTP/1.1\r\nhost: test\r\n\r\n")).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            figures = json.loads(body)
            assert (figures["produced"], figures["open"]) == (300, 0)

    told(story())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /told HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /told HTTP/1.1\r\nx: " + b"y" * front.MOST_HEAD_BYTES + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_such_page_is_refused(request_: bytes, status: bytes) -> None:
    async def story() -> None:
        async with both() as port:
            assert (await asked(port, request_)).split(b" ")[1] == status

    told(story())


def test_who_says_nothing_or_too_much_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "FIRST_OCTETS_S", 0.05)

    async def story() -> None:
        async with both() as port:
            assert await asked(port, b"") == b""
            assert await asked(port, b"GET /told HTTP/1.1\r\n") == b""

    told(story())


# -- as a command ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def spawned(*options: str, host: str = "127.0.0.1") -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    command = [sys.executable, "-W", "error", "-m", "streamspec.reference_impl.services.patterns", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], LONGEST_S)[0], "it never said that it listens"
            line = process.stdout.readline()
            assert line.startswith(f"listening grpc://{host}:".encode()), line
            yield process, int(line.rpartition(b":")[2])
        finally:
            process.kill()


@pytest.mark.parametrize("options", [(), ("--tells",)])
def test_the_command_serves_until_it_is_told_to_stop(options: tuple[str, ...], tmp_path: Any) -> None:
    async def story(port: int, leave: Callable[[], None]) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub: Any = StreamServiceStub(channel)
            assert (await upload_items(stub, items(3))).item_count == 3
            call = stub.Chat()
            await call.initial_metadata()
            leave()
            assert await call.code() is grpc.StatusCode.UNAVAILABLE
            assert await call.details() == "the server is shutting down"

    with spawned("--store", str(tmp_path / "items.db"), *options) as (process, port):
        told(story(port, lambda: process.send_signal(signal.SIGTERM)))
        out, err = process.communicate(timeout=LONGEST_S)
        assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.parametrize("options", [(), ("--tells",)])
def test_the_command_says_where_it_listens_as_a_url_has_it(options: tuple[str, ...]) -> None:
    try:
        with socket.socket(socket.AF_INET6) as own:
            own.bind(("::1", 0))
    except OSError:
        pytest.skip("there is no IPv6 here")

    async def story(port: int) -> None:
        async with grpc.aio.insecure_channel(f"[::1]:{port}") as channel:
            assert (await upload_items(StreamServiceStub(channel), items(3))).item_count == 3

    with spawned("--host", "::1", *options, host="[::1]") as (_, port):
        told(story(port))
