"""The raw writer: exact bytes, pauses, three kinds of end, and just enough of a request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from streamspec.reference_impl.bindings import rawhttp
from streamspec.reference_impl.bindings.rawhttp import Answer, Pause, Protocol, Request, script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Turns = Callable[[], Awaitable[None]]

REQUEST = b"GET /x?y=1 HTTP/1.1\r\nHost: test\r\nX-Two:  words here \r\n\r\n"


@contextlib.asynccontextmanager
async def _connected(answer: Answer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    loop = asyncio.get_running_loop()
    connections: set[Protocol] = set()
    async with asyncio.timeout(10):
        server = await loop.create_server(lambda: Protocol(answer, connections), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            yield reader, writer
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            for connection in connections:
                connection.shutdown()


async def _told(answer: Answer, request: bytes = REQUEST) -> bytes:
    async with _connected(answer) as (reader, writer):
        writer.write(request)
        return await reader.read()


def test_the_bytes_go_out_as_they_are_and_the_end_is_fin() -> None:
    pieces = (b"HTTP/1.1 200 Fine\r\n", b"x: y\n", b"\xff\0\r\r\n")
    assert asyncio.run(_told(script(*pieces))) == b"".join(pieces)


def test_an_end_may_be_a_reset_after_all_bytes() -> None:
    async def story() -> bytes:
        async with _connected(script(b"some", b"thing", end="rst")) as (reader, writer):
            writer.write(REQUEST)
            received = await reader.readexactly(9)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            return received

    assert asyncio.run(story()) == b"something"


def test_an_end_may_leave_the_connection_open() -> None:
    async def story() -> None:
        async with _connected(script(b"all", end="keep-open")) as (reader, writer):
            writer.write(REQUEST)
            assert await reader.readexactly(3) == b"all"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.05)

    asyncio.run(story())


def test_a_pause_lies_between_two_pieces() -> None:
    async def story() -> float:
        loop = asyncio.get_running_loop()
        async with _connected(script(b"a", Pause(0.05), b"b")) as (reader, writer):
            begun = loop.time()
            writer.write(REQUEST)
            assert await reader.readexactly(1) == b"a"
            assert await reader.read() == b"b"
            return loop.time() - begun

    assert asyncio.run(story()) >= 0.049  # a loop may be early by its clock's resolution


def test_the_answer_is_chosen_by_the_request_even_in_single_bytes() -> None:
    async def echo(request: Request, write: rawhttp.Write) -> rawhttp.End:
        await write(repr(request).encode())
        return "fin"

    async def story() -> bytes:
        async with _connected(echo) as (reader, writer):
            for byte in REQUEST:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            return await reader.read()

    expected = Request("GET", "/x", "y=1", (("host", "test"), ("x-two", "words here")))
    assert asyncio.run(story()) == repr(expected).encode()


@pytest.mark.parametrize("request_head", [b"nonsense\r\n\r\n", b"GET /x\r\n\r\n", b"GET / FTP/1.1\r\n\r\n"])
def test_what_is_no_request_is_a_400(request_head: bytes) -> None:
    assert asyncio.run(_told(script(b"never"), request_head)).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_a_431() -> None:
    endless_head = REQUEST[:-2] + b"x: y\r\n" * (rawhttp.MOST_HEAD_BYTES // 6)
    assert asyncio.run(_told(script(b"never"), endless_head)).startswith(b"HTTP/1.1 431 ")


def test_a_client_that_leaves_cancels_the_answer() -> None:
    async def story() -> None:
        cancelled = asyncio.Event()

        async def endless(request: Request, write: rawhttp.Write) -> rawhttp.End:
            try:
                await write(b"begun")
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            return "fin"

        async with _connected(endless) as (reader, writer):
            writer.write(REQUEST)
            await reader.readexactly(5)
            writer.close()
            await cancelled.wait()
        assert cancelled.is_set()

    asyncio.run(story())


class _Recorder(asyncio.Transport):
    """A transport that only writes down what it is told to write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.limits: list[int | None] = []
        self.closed = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limits.append(high)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_a_client_that_does_not_read_blocks_the_writer(turns: Turns) -> None:
    async def story() -> None:
        transport = _Recorder()
        protocol = Protocol(script(b"one", b"two", b"three"))
        protocol.connection_made(transport)
        assert transport.limits == [0]
        protocol.pause_writing()
        protocol.data_received(REQUEST)
        await turns()
        assert transport.written == [b"one"]
        protocol.resume_writing()
        await turns()
        assert transport.written == [b"one", b"two", b"three"]
        assert transport.closed

    asyncio.run(story())


def test_a_shutdown_closes_what_waits_and_lets_an_answer_finish(turns: Turns) -> None:
    async def story() -> None:
        waiting, answering = _Recorder(), _Recorder()
        protocols = [Protocol(script(b"one", b"two")) for _ in range(2)]
        for protocol, transport in zip(protocols, (waiting, answering), strict=True):
            protocol.connection_made(transport)
        protocols[1].pause_writing()
        protocols[1].data_received(REQUEST)
        await turns()
        for protocol in protocols:
            protocol.shutdown()
        assert (waiting.closed, answering.closed) == (True, False)
        protocols[1].resume_writing()
        await turns()
        assert (answering.written, answering.closed) == ([b"one", b"two"], True)

    asyncio.run(story())


def test_a_chunk_has_its_size_in_hexadecimal() -> None:
    assert rawhttp.chunk(b"x" * 31) == b"1f\r\n" + b"x" * 31 + b"\r\n"
    assert rawhttp.chunk(b"") == b""
